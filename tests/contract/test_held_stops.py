"""What every list of held stops promises: the one in Postgres and the one in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.limits import UserLimits
from domain.errors import StoreUnavailable
from domain.held_stop import HeldPrice, HeldStop
from domain.limits import Limits
from domain.ports import HeldStops
from tests.fakes.held_stops import MemoryHeldStops
from tests.fakes.manual_clock import ManualClock
from tests.store_rows import Desk

NOWHERE = "postgresql://127.0.0.1:1/nowhere"
LONG = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Subject:
    """Two held stops, and how to let time pass since they were last watched."""

    stops: HeldStops
    held: tuple[UUID, UUID]
    pass_by: Callable[[timedelta], Awaitable[None]]
    limit: Callable[[UUID], Awaitable[None]]
    """Give the account of a strategy a limit on its day."""
    prices: Callable[[], Awaitable[dict[UUID, HeldPrice]]]
    """Return the prices that were said, as old as they are now."""


@pytest.fixture
def in_memory() -> Subject:
    clock = ManualClock()
    held = [
        HeldStop(uuid4(), uuid4(), "a@b.example", "NSE", symbol, "CNC", 10, clock.now())
        for symbol in ("TCS", "INFY")
    ]

    async def pass_by(time: timedelta) -> None:
        await clock.advance(time.total_seconds())

    one, other = (stop.strategy_id for stop in held)
    stops = MemoryHeldStops(clock, *held)

    async def limit(strategy_id: UUID) -> None:
        stops.wanted.add(strategy_id)

    async def prices() -> dict[UUID, HeldPrice]:
        return {key: HeldPrice(price, clock.now() - at) for key, (price, at) in stops.prices.items()}

    return Subject(stops, (one, other), pass_by, limit, prices)


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    one, other = await Desk.made(store), await Desk.made(store, "INFY")
    for desk in (one, other):
        await desk.runs.activate(desk.start())
        await desk.bought()

    async def pass_by(time: timedelta) -> None:
        async with store.work() as session:
            words = {"time": time}
            watched = text("UPDATE stop_watches SET watched_at = watched_at - CAST(:time AS interval)")
            await session.execute(watched, words)
            earlier = text("UPDATE strategies SET bought_at = bought_at - CAST(:time AS interval)")
            await session.execute(earlier, words)

    async def limit(strategy_id: UUID) -> None:
        (desk,) = [desk for desk in (one, other) if desk.strategy.strategy_id == strategy_id]
        async with store.work() as session:
            await UserLimits(session, desk.strategy.user_id).set_limits(Limits(daily_loss=Decimal(1000)))

    async def prices() -> dict[UUID, HeldPrice]:
        query = text("SELECT strategy_id, price, clock_timestamp() - seen_at AS age FROM held_prices")
        async with store.read() as session:
            rows = await session.execute(query)
            return {row.strategy_id: HeldPrice(row.price, row.age) for row in rows}

    await as_if_the_server_had_run_for_long(store)
    ids = one.strategy.strategy_id, other.strategy.strategy_id
    return Subject(PostgresHeldStops(store), ids, pass_by, limit, prices)


async def as_if_the_server_had_run_for_long(store: Store) -> None:
    """Have the start of the server, a moment ago, allow no listener any time."""
    async with store.work() as session:
        view = await session.scalar(text("SELECT pg_get_viewdef('stops_held'::regclass)"))
        older = str(view).replace("pg_postmaster_start_time()", "'2020-01-01'::timestamptz")
        await session.execute(text(f"CREATE OR REPLACE VIEW stops_held AS {older}"))


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def late(subject: Subject) -> set[UUID]:
    return {stop.strategy_id for stop in await subject.stops.unwatched(LONG)}


async def test_a_stop_counts_as_watched_from_its_purchase_on(subject: Subject) -> None:
    assert await late(subject) == set()
    longest = await subject.stops.longest()
    assert longest is not None
    assert timedelta(0) <= longest < LONG


async def test_a_stop_that_nobody_names_is_unwatched(subject: Subject) -> None:
    await subject.pass_by(timedelta(seconds=11))
    assert await late(subject) == set(subject.held)
    longest = await subject.stops.longest()
    assert longest is not None
    assert longest > LONG


async def test_a_stop_that_is_named_is_watched_and_the_others_are_not(subject: Subject) -> None:
    await subject.stops.name(subject.held)
    await subject.pass_by(timedelta(seconds=11))
    await subject.stops.name([subject.held[0]])
    assert await late(subject) == {subject.held[1]}


async def test_naming_what_is_not_held_does_no_harm(subject: Subject) -> None:
    await subject.stops.name([uuid4(), subject.held[0]])
    await subject.stops.name([])
    assert await late(subject) == set()


async def test_what_waits_longest_comes_first_with_whose_and_what_it_is(subject: Subject) -> None:
    await subject.stops.name([subject.held[0]])
    await subject.pass_by(timedelta(seconds=20))
    await subject.stops.name([subject.held[1]])
    await subject.pass_by(timedelta(seconds=20))
    first, second = await subject.stops.unwatched(LONG)
    assert (first.strategy_id, second.strategy_id) == subject.held
    assert first.watched_at < second.watched_at
    assert {first.symbol, second.symbol} == {"TCS", "INFY"}
    assert first.quantity > 0
    assert "@" in first.email


async def test_unread_is_not_watched(in_memory: Subject) -> None:
    assert isinstance(in_memory.stops, MemoryHeldStops)
    in_memory.stops.away = True
    gone = Store.open(NOWHERE)
    for stops in (in_memory.stops, PostgresHeldStops(gone)):
        for call in (stops.unwatched(LONG), stops.longest(), stops.name([uuid4()])):
            with pytest.raises(StoreUnavailable):
                await call
    await gone.close()


async def test_prices_are_wanted_where_a_limit_is_and_their_age_is_kept(subject: Subject) -> None:
    one, other = subject.held
    assert await subject.stops.prices_wanted() == frozenset()
    await subject.limit(one)
    assert await subject.stops.prices_wanted() == {one}
    said = HeldPrice(Decimal(3490), timedelta(seconds=3))
    await subject.stops.say_prices({one: said, other: said, uuid4(): said})
    (known,) = (await subject.prices()).items()
    assert known[0] == one
    assert known[1].price == 3490
    assert timedelta(seconds=2.9) < known[1].age < timedelta(seconds=10)
    await subject.stops.say_prices({one: HeldPrice(Decimal(3400), timedelta(seconds=30))})
    assert (await subject.prices())[one].price == 3490  # older than what is known
    await subject.stops.say_prices({one: HeldPrice(Decimal(3400))})
    assert (await subject.prices())[one].price == 3400
