"""Times in which no worker lived, on a real Postgres: found by the first one after them, and told."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, insert, null, select, update
from sqlalchemy.engine import make_url

from adapters.postgres.engine import Store
from adapters.postgres.operation_tables import (
    ReconcilerRound,
    WorkerRow,
)
from adapters.postgres.outages import PostgresOutages
from adapters.postgres.resting_stops import PostgresRestingStops
from adapters.postgres.runs import PostgresRunStore
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.stop_json import protection_json
from adapters.postgres.tables import StrategyRow
from adapters.process.clock import SystemClock
from domain.errors import StoreUnavailable
from domain.kept_stop import Protection
from domain.order import Leg
from domain.outage import Outage
from domain.run import GoesOn, RunRef
from domain.terms import Protect
from execution.worker_waking import WorkerWaking
from migrations.roles import Role, make_roles
from tests.fakes.outages import MemoryOutages
from tests.store_rows import Desk, just_now

SECOND = timedelta(seconds=1)


@pytest.fixture
async def worker(database: str) -> AsyncIterator[Store]:
    """The store as the worker's role sees it."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    await make_roles(database, [Role.of("worker", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield opened
    await opened.close()


async def lived(store: Store, ago: timedelta, name: str = "another") -> None:
    async with store.work() as session:
        await session.execute(insert(WorkerRow).values(name=name, alive_at=func.clock_timestamp() - ago))


async def holding(store: Store, since: timedelta) -> Desk:
    """Hold shares since so long ago, in a market that opened before and is open still."""
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    await desk.bought()
    async with store.work() as session:
        await session.execute(
            update(StrategyRow)
            .where(StrategyRow.strategy_id == desk.strategy.strategy_id)
            .values(
                phase="holding",
                bought_at=func.clock_timestamp() - since,
                resumes_at=func.clock_timestamp() - timedelta(days=2),
                closes_at=func.clock_timestamp() + timedelta(hours=1),
            )
        )
    return desk


async def unwatched(desk: Desk) -> list[str]:
    return [line.text for line in await desk.lines() if "nothing watched the stop" in line.text]


async def test_a_first_worker_ever_ends_no_outage(worker: Store) -> None:
    assert await PostgresOutages(worker).woke("first") is None


@pytest.mark.parametrize(("ago", "long"), [(5, False), (14, False), (16, True), (7200, True)])
async def test_an_outage_begins_with_the_last_sign_of_life_of_any_worker(
    store: Store, worker: Store, ago: int, long: bool
) -> None:
    await lived(store, timedelta(days=1), "older")
    await lived(store, ago * SECOND)
    outages = PostgresOutages(worker)
    found = await outages.woke("new")
    assert (found is not None) == long
    if found is not None:
        assert abs(found.ended_at - found.began_at - ago * SECOND) < 2 * SECOND
        assert await outages.since(just_now() - SECOND * 60) == [found]
        assert await outages.since(just_now() + SECOND * 60) == []


async def test_a_worker_that_left_in_order_is_known_by_the_reconcilers_last_round(
    store: Store, worker: Store
) -> None:
    async with store.work() as session:
        await session.execute(delete(WorkerRow))
        ended_at = func.clock_timestamp() - timedelta(minutes=3)
        await session.execute(update(ReconcilerRound).values(ended_at=ended_at))
    found = await PostgresOutages(worker).woke("new")
    assert found is not None
    assert abs(found.ended_at - found.began_at - timedelta(minutes=3)) < 2 * SECOND


async def test_a_second_worker_ends_no_outage_and_two_at_once_write_one(store: Store, worker: Store) -> None:
    await lived(store, timedelta(minutes=5))
    outages = PostgresOutages(worker)
    first, same_moment = await outages.woke("first"), await outages.woke("second")
    assert first is not None
    assert same_moment is not None
    assert first.began_at == same_moment.began_at
    await lived(store, timedelta(0), "first")
    assert await outages.woke("third") is None
    assert len(await outages.since(first.began_at)) == 1


async def test_the_timeline_says_from_when_to_when_the_stop_was_not_watched(
    store: Store, worker: Store
) -> None:
    desk = await holding(store, timedelta(hours=3))
    outages = PostgresOutages(worker)
    outage = Outage(just_now() - timedelta(hours=2), just_now())
    assert await outages.tell_unwatched(outage) == 1
    await outages.tell_unwatched(outage)
    (said,) = await unwatched(desk)
    assert "The server was away from" in said


@pytest.mark.parametrize(
    ("rested", "said"), [(3.0, "left to its order at the exchange"), (1.0, "nothing wa")]
)
async def test_a_stop_that_rested_at_the_exchange_was_watched_there(
    store: Store, worker: Store, rested: float, said: str
) -> None:
    desk = await holding(store, timedelta(hours=4))
    shown = Protection(Protect.EXCHANGE, just_now() - timedelta(hours=rested), "26", Decimal(3400))
    async with store.work() as session:
        mine = StrategyRow.strategy_id == desk.strategy.strategy_id
        await session.execute(update(StrategyRow).where(mine).values(protection=protection_json(shown)))
    outage = Outage(just_now() - timedelta(hours=2), just_now())
    assert await PostgresOutages(worker).tell_unwatched(outage) == 1
    [line] = [line.text for line in await desk.lines() if "The server was away" in line.text]
    assert said in line


@pytest.mark.parametrize(
    ("opens", "kept"), [(timedelta(hours=-1), True), (None, True), (timedelta(hours=1), False)]
)
async def test_a_stop_is_kept_at_the_exchange_while_its_market_is_open(
    store: Store, opens: timedelta | None, kept: bool
) -> None:
    """A day that goes on in the next session sends nothing in the night before it."""
    desk = await holding(store, timedelta(hours=3))
    async with store.work() as session:
        mine = StrategyRow.strategy_id == desk.strategy.strategy_id
        resumes_at = null() if opens is None else func.clock_timestamp() + opens
        words = {"terms": {"protect": "exchange"}, "resumes_at": resumes_at}
        await session.execute(update(StrategyRow).where(mine).values(**words))
    found = await PostgresRestingStops(store).kept(desk.strategy.strategy_id)
    assert (found is not None) == kept


@pytest.mark.parametrize(
    "changes",
    [
        {"closes_at": func.clock_timestamp() - timedelta(hours=3)},
        {"resumes_at": func.clock_timestamp() + timedelta(hours=1)},
        {"position": "sold"},
        {"status": "stopped"},
        {"bought_at": func.clock_timestamp() + timedelta(minutes=1)},
    ],
)
async def test_nothing_is_said_of_a_stop_that_had_not_to_be_watched(
    store: Store, worker: Store, changes: dict[str, object]
) -> None:
    desk = await holding(store, timedelta(hours=3))
    async with store.work() as session:
        mine = StrategyRow.strategy_id == desk.strategy.strategy_id
        await session.execute(update(StrategyRow).where(mine).values(**changes))
    outage = Outage(just_now() - timedelta(hours=2), just_now())
    assert await PostgresOutages(worker).tell_unwatched(outage) == 0
    assert await unwatched(desk) == []


async def test_a_worker_wakes_before_its_first_heartbeat_and_waits_for_the_store() -> None:
    class Away(MemoryOutages):
        tries = 0

        async def woke(self, worker: str) -> Outage | None:
            Away.tries += 1
            if Away.tries < 3:
                raise StoreUnavailable("not yet")
            return await super().woke(worker)

    outages = Away([Outage(just_now() - timedelta(hours=1), just_now())])
    await WorkerWaking(outages, SystemClock(), "new").wake()
    assert outages.told == outages.known


async def test_a_day_that_goes_on_is_sold_in_its_new_session_and_by_no_fast_path_before(
    store: Store, worker: Store
) -> None:
    desk = await holding(store, timedelta(hours=3))
    log = PostgresScheduledOrderLog(store, store)
    ids = [desk.strategy.strategy_id]
    assert len(await log.at_their_stop(ids, just_now())) == 1
    opens = just_now() + timedelta(hours=1)
    session = GoesOn("Nothing was tried.", opens, opens, opens + timedelta(hours=6))
    row = await desk.row()
    assert row.start_id
    ref = RunRef(row.strategy_id, row.user_id, str(row.workflow_id), str(row.run_id), row.start_id)
    await PostgresRunStore(worker).go_on(ref, session)
    await PostgresRunStore(worker).go_on(ref, session)
    row = await desk.row()
    assert (row.sell_at, row.closes_at, row.resumes_at) == (opens, opens + timedelta(hours=6), opens)
    assert [line.text for line in await desk.lines()].count("Nothing was tried.") == 1
    assert await log.at_their_stop(ids, just_now()) == []


async def test_a_stop_that_is_seen_after_the_close_sells_nothing(store: Store) -> None:
    desk = await holding(store, timedelta(hours=3))
    log = PostgresScheduledOrderLog(store, store)
    async with store.work() as session:
        await session.execute(update(StrategyRow).values(closes_at=func.clock_timestamp() - SECOND))
    assert await log.at_their_stop([desk.strategy.strategy_id], just_now()) == []


async def test_what_keeps_a_sale_back_is_told_once_and_shown_until_it_is_over(store: Store) -> None:
    desk = await holding(store, timedelta(hours=1))
    key = desk.key(Leg.EXIT)
    assert await desk.log.held_up(key, "waiting", "In the way is your order 7.", "one")
    assert not await desk.log.held_up(key, "waiting", "In the way is your order 7.", "one")
    assert (await desk.row()).obstacle == "In the way is your order 7."
    assert [line.text for line in await desk.lines()].count("In the way is your order 7.") == 1
    await desk.accepted(key, "1002")
    assert (await desk.row()).obstacle is None
    async with store.read() as session:
        assert (await session.scalars(select(StrategyRow.obstacle))).all() == [None]
