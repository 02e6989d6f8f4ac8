"""The peaks that stops follow, in Postgres: the listener's role writes, its successor and workers read."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.notify_listener import NotifyListener
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.tables import StrategyRow
from adapters.postgres.watch_list import PostgresWatchList
from domain.hit_stop import HitStop
from domain.order import Leg, OrderTerms, Reason
from domain.run import ExitOrder
from domain.strategy import Phase, Product
from domain.terms import Distance, Terms, Trail, Unit
from domain.trigger import TriggerKind
from migrations.roles import Role, make_roles
from tests.store_rows import Desk, just_now

TRAIL = Terms(trail=Trail(by=Distance(Decimal(25), Unit.POINTS)))


@pytest.fixture
async def listener(database: str) -> AsyncIterator[Store]:
    """The store as the listener's role sees it."""
    url = make_url(database).set(username=f"listener_{uuid4().hex[:8]}", password="listener's")
    await make_roles(database, [Role.of("listener", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield opened
    await opened.close()


@pytest.fixture
async def desk(store: Store) -> Desk:
    """A strategy that holds ten shares under a trailing stop, bought at 3501.25."""
    made = await Desk.made(store)
    async with store.work() as session:
        words = {
            "terms": '{"trail": {"by": {"amount": "25", "unit": "points"}}}',
            "id": made.strategy.strategy_id,
        }
        update = "UPDATE strategies SET terms = CAST(:terms AS jsonb) WHERE strategy_id = :id"
        await session.execute(text(update), words)
    return await began(replace(made, strategy=replace(made.strategy, terms=TRAIL)))


async def began(desk: Desk) -> Desk:
    """Begin a run of today that holds."""
    await desk.runs.activate(desk.start())
    await desk.bought()
    async with desk.store.work() as session:
        await session.execute(update(StrategyRow).values(phase=Phase.HOLDING.value, closes_at=None))
    return desk


async def peak_as_read(listener: Store, desk: Desk) -> Decimal | None:
    watch_list = PostgresWatchList(listener, NotifyListener("postgresql://127.0.0.1:1/nowhere"))
    (one,) = [one for one in await watch_list.all() if one.strategy_id == desk.strategy.strategy_id]
    assert (one.terms, one.entry) == (TRAIL, Decimal("3501.25"))
    return one.peak


async def raised(listener: Store, desk: Desk, price: str) -> None:
    await PostgresHeldStops(listener).raise_peaks({desk.strategy.strategy_id: Decimal(price)})


async def test_a_peak_is_read_by_the_next_listener_and_never_falls(listener: Store, desk: Desk) -> None:
    assert await peak_as_read(listener, desk) is None
    await raised(listener, desk, "3600.05")
    await raised(listener, desk, "3580")
    assert await peak_as_read(listener, desk) == Decimal("3600.05")


async def test_a_peak_is_of_one_run_alone(listener: Store, desk: Desk, store: Store) -> None:
    await raised(listener, desk, "3600")
    async with store.work() as session:
        await session.execute(
            text("UPDATE strategies SET run_id = 'the next day''s' WHERE strategy_id = :id"),
            {"id": desk.strategy.strategy_id},
        )
    assert await peak_as_read(listener, desk) is None
    await raised(listener, desk, "3510")
    assert await peak_as_read(listener, desk) == 3510


async def test_no_peak_is_written_for_what_is_not_held(listener: Store, store: Store) -> None:
    waiting = await Desk.started(store)
    await raised(listener, waiting, "3600")
    await PostgresHeldStops(listener).raise_peaks({UUID(int=1): Decimal(5)})
    async with store.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM peaks")) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM peaks",
        "UPDATE peaks SET price = 1",
        "INSERT INTO peaks (strategy_id, user_id, run_id, price, written_at) SELECT NULL, NULL, '', 1, now()",
        "DELETE FROM peaks",
    ],
)
async def test_the_listener_reaches_peaks_by_its_function_alone(listener: Store, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with listener.work() as session:
            await session.execute(text(statement))


@pytest.mark.parametrize(
    ("kind", "price", "peak", "sells"),
    [
        (TriggerKind.STOP, "3575", None, True),  # at the stop by the peak that is written
        (TriggerKind.STOP, "3575.05", None, False),
        (TriggerKind.STOP, "3590", "3615", True),  # by the newer one that the event names
        (TriggerKind.STOP, "3575.05", "3550", False),  # a lower one takes nothing back
        (TriggerKind.TARGET, "3700", None, False),  # there is no target
    ],
)
async def test_a_worker_judges_an_event_by_what_is_written(
    listener: Store, desk: Desk, store: Store, kind: TriggerKind, price: str, peak: str | None, sells: bool
) -> None:
    await raised(listener, desk, "3600")
    terms = OrderTerms("NSE", "TCS", Product.CNC)
    orders = PostgresScheduledOrderLog(store, store)
    await orders.arm(ExitOrder(desk.key(Leg.EXIT), terms, 10, Reason.SELL, just_now()), "worker")
    (sale,) = await orders.at_their_stop([desk.strategy.strategy_id], just_now())
    hit = HitStop(sale.strategy_id, Decimal(price), just_now(), kind, Decimal(peak) if peak else None)
    assert (sale.sale_at(hit) is not None) is sells
