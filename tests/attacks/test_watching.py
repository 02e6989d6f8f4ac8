"""Somebody watches each held stop, or it is told: whatever is written to Redis, or said in Postgres."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.engine import make_url

from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.membership import PostgresMembers
from adapters.postgres.operator import positions
from adapters.telemetry.held_stop_check import HeldStopCheck
from domain.errors import StandsStill, StoreUnavailable
from domain.held_stop import NAMED_EVERY, UNWATCHED_AFTER, HeldStop
from domain.ports import ListenerState
from execution.held_stop_watch import LOOK_EVERY, HeldStopWatch
from migrations.roles import Role, make_roles
from tests.contract.test_held_stops import as_if_the_server_had_run_for_long
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.held_stops import MemoryHeldStops
from tests.fakes.manual_clock import ManualClock
from tests.fakes.watch_list import watched
from tests.listener_house import House, holding, listener_house, until
from tests.listener_in_memory import House as Room
from tests.paper_process import PaperProcess
from tests.store_rows import Desk

TOLD_WITHIN = 15.0
"""Seconds from the last word of a listener to the alarm."""
FALSE = {f"{number:013d}-ffffffff": "ready|9999999999999" for number in range(5)}
"""Members that do not exist, older than any that does, for ever: the oldest three have all instruments."""


class Desks:
    """A worker's watch over held stops in memory."""

    def __init__(self, *symbols: str) -> None:
        self.clock = ManualClock()
        self.alerts = MemoryAlerts()
        held = [
            HeldStop(uuid4(), uuid4(), "a@b.example", "NSE", symbol, "CNC", 10, self.clock.now())
            for symbol in symbols
        ]
        self.ids = [stop.strategy_id for stop in held]
        self.stops = MemoryHeldStops(self.clock, *held)
        self.watch = HeldStopWatch(self.stops, self.alerts, self.clock)
        self.task = asyncio.create_task(self.watch.run())

    @property
    def told(self) -> list[str]:
        return [alarm.text for alarm in self.alerts.raised if alarm.kind == "unwatched"]


@pytest.fixture
async def desks() -> AsyncIterator[Desks]:
    made = Desks("TCS", "INFY")
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


async def test_a_stop_that_nobody_watches_is_told_within_fifteen_seconds_by_name(desks: Desks) -> None:
    await desks.clock.advance(UNWATCHED_AFTER.total_seconds() - 1)
    assert desks.told == []
    assert desks.watch.ill is None
    await desks.clock.advance(TOLD_WITHIN - UNWATCHED_AFTER.total_seconds() + 1)
    (told,) = desks.told
    assert "NSE:TCS ×10, NSE:INFY ×10" in told
    assert "StopsUnwatched" in told
    assert desks.watch.ill is not None


async def test_one_outage_is_one_alarm_and_a_second_outage_another(desks: Desks) -> None:
    await desks.clock.advance(60)
    assert len(desks.told) == 1
    await desks.stops.name(desks.ids)
    await desks.clock.advance(LOOK_EVERY)
    assert desks.watch.ill is None
    await desks.clock.advance(60)
    assert len(desks.told) == 2


async def test_one_of_many_is_told_alone(desks: Desks) -> None:
    for _ in range(10):
        await desks.stops.name([desks.ids[0]])
        await desks.clock.advance(NAMED_EVERY.total_seconds())
    (told,) = desks.told
    assert "NSE:INFY" in told
    assert "NSE:TCS" not in told


async def test_what_cannot_be_read_is_not_watched_and_not_told_twice(desks: Desks) -> None:
    await desks.clock.advance(20)
    desks.stops.away = True
    await desks.clock.advance(60)
    assert desks.watch.ill is not None, "unread is not well"
    desks.stops.away = False
    await desks.clock.advance(60)
    assert len(desks.told) == 1


async def test_a_listener_names_what_it_judges_and_nothing_while_its_looks_stand_still() -> None:
    room, held, sold = Room(), watched(), watched("INFY")
    await room.start(held)
    await room.clock.advance(NAMED_EVERY.total_seconds() + 1)
    assert room.stops.named[-1] == {held.strategy_id}
    (monitor,) = room.listener._monitors.values()
    assert list(monitor.watching) == [held.strategy_id]
    monitor._looked_at -= 100
    assert list(monitor.watching) == []
    assert sold.strategy_id not in room.stops.named[-1]
    room.task.cancel()
    await asyncio.gather(room.task, return_exceptions=True)


# --- in Postgres ---------------------------------------------------------------------------------------


@pytest.fixture
async def listener(database: str) -> AsyncIterator[Store]:
    """The database as a taken-over listener's role sees it."""
    url = make_url(database).set(username=f"listener_{uuid4().hex[:8]}", password="listener's")
    await make_roles(database, [Role.of("listener", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield opened
    await opened.close()


async def test_a_lease_of_a_year_lasts_a_minute(store: Store, listener: Store) -> None:
    await PostgresMembers(listener, answer_seconds=30).renew(
        "0000000000000-ffffffff", ListenerState.READY, 365 * 86400
    )
    async with store.read() as session:
        left = await session.scalar(text("SELECT max(until - clock_timestamp()) FROM listeners"))
    assert timedelta(seconds=0) < left <= timedelta(seconds=60)


async def test_a_lease_that_has_ended_is_believed_by_nobody(store: Store, listener: Store) -> None:
    members = PostgresMembers(listener, answer_seconds=30)
    for false in FALSE:
        await members.renew(false, ListenerState.READY, 60)
    async with store.work() as session:
        await session.execute(text("UPDATE listeners SET until = clock_timestamp()"))
    alone = await members.renew("1700000000000-00000001", ListenerState.READY, 2)
    assert alone == {"1700000000000-00000001": ListenerState.READY}


@pytest.mark.parametrize("lasts", [float("inf"), float("nan"), -5.0])
async def test_a_lease_without_a_length_has_an_end(store: Store, listener: Store, lasts: float) -> None:
    await PostgresMembers(listener, answer_seconds=30).renew("one", ListenerState.READY, lasts)
    async with store.read() as session:
        left = await session.scalar(text("SELECT max(until - clock_timestamp()) FROM listeners"))
    assert left <= timedelta(seconds=60)


async def test_a_crowd_of_false_members_has_the_newcomer_watch_everything(
    store: Store, listener: Store
) -> None:
    """The newcomer is refused, which to it is as if Postgres were away (`listener.shards`)."""
    members = PostgresMembers(listener, answer_seconds=30)
    async with store.work() as session:
        crowd = (
            "SELECT n || '-ffffffff', 'ready', now() + interval '1 minute' FROM generate_series(1, 64) AS n"
        )
        await session.execute(text(f"INSERT INTO listeners {crowd}"))
    with pytest.raises(StoreUnavailable, match="Postgres did not answer"):
        await members.renew("1700000000000-00000001", ListenerState.READY, 2)


async def test_what_is_unwatched_is_a_number_a_line_and_not_ready(store: Store) -> None:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    await desk.bought()
    await as_if_the_server_had_run_for_long(store)
    stops = PostgresHeldStops(store)
    await HeldStopCheck(stops.longest).check()
    assert "unwatched" not in {one.kind for one in await positions(store)}
    async with store.work() as session:
        await session.execute(text("UPDATE strategies SET bought_at = bought_at - interval '1 minute'"))
    with pytest.raises(StandsStill, match=r"last watched 6\d s ago"):
        await HeldStopCheck(stops.longest).check()
    (listed,) = [one for one in await positions(store) if one.kind == "unwatched"]
    assert listed.strategy_id == desk.strategy.strategy_id
    await stops.name([desk.strategy.strategy_id])
    await HeldStopCheck(stops.longest).check()


# --- a listener as a process, and false members in Redis -----------------------------------------------


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as paper:
        yield paper


@pytest.fixture
async def house(
    database: str, paper: PaperProcess, temporal_binary: str, tmp_path: Path
) -> AsyncIterator[House]:
    async with listener_house(database, paper, temporal_binary, tmp_path) as house:
        yield house


@pytest.mark.proof
async def test_false_members_in_redis_leave_no_stop_unwatched(store: Store, house: House) -> None:
    house.paper.price("TCS", 3600)
    desk, run = await holding(store, house, "TCS")
    await house.start()
    async with Redis.from_url(house.valkey.url) as redis:
        for member, word in FALSE.items():
            await redis.hset("listeners", member, word)

    async def named() -> bool:
        async with store.read() as session:
            found = await session.scalar(text("SELECT max(clock_timestamp() - watched_at) FROM stop_watches"))
        return found is not None and found < NAMED_EVERY * 2

    await until(named)
    await asyncio.sleep(6)  # longer than a lease and what lingers after it
    assert await named()
    house.paper.price("TCS", 3450)

    async def signalled() -> bool:
        return bool(await house.signals(run))

    await until(signalled, 10)
    assert desk.strategy.symbol == "TCS"
