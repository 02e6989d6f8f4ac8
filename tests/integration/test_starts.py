"""A run owns what Postgres holds for a START that was written down, and nothing else; on a real Postgres."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import asyncpg
import pytest
from temporalio.exceptions import ApplicationError

from activities.failure_types import STOOD_DOWN
from activities.runs import RunActivities
from adapters.postgres.engine import Store
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.postgres.runs import PostgresRunStore
from adapters.postgres.tables import StartRow
from domain.errors import AnotherRun, ForeignStart
from domain.order import Leg
from domain.run import ActivateRun, Activation, Adoption, what_differs
from domain.strategy import Outcome, Position
from migrations import schema
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.house import MemoryCache
from tests.integration.test_store_migrations import upgrade_to
from tests.postgres import PostgresServer
from tests.store_rows import Desk, broker_account, seen, write_start


@pytest.fixture
async def desk(store: Store) -> Desk:
    return await Desk.made(store)


@pytest.fixture
def runs(store: Store) -> PostgresRunStore:
    """The worker's own: it writes no START down."""
    return PostgresRunStore(store)


def changed(asked: ActivateRun, **changes: object) -> ActivateRun:
    return replace(asked, start=replace(asked.start, **changes))  # type: ignore[arg-type]


def with_terms(**terms: object) -> Callable[[ActivateRun], ActivateRun]:
    return lambda asked: changed(asked, strategy=replace(asked.start.strategy, **terms))  # type: ignore[arg-type]


def with_plan(**instants: timedelta) -> Callable[[ActivateRun], ActivateRun]:
    def later(asked: ActivateRun) -> ActivateRun:
        plan = asked.start.plan
        moved = {name: getattr(plan, name) + by for name, by in instants.items()}
        return changed(asked, plan=replace(plan, **moved))

    return later


FORGERIES: dict[str, Callable[[ActivateRun], ActivateRun]] = {
    "symbol": with_terms(symbol="INFY"),
    "exchange": with_terms(exchange="BSE"),
    "quantity": with_terms(quantity=500),
    "stop": with_terms(stop_loss=Decimal(1)),
    "user": with_terms(user_id=uuid4()),
    "account": lambda asked: changed(asked, account="zerodha:XY9999"),
    "sells only": lambda asked: changed(asked, sell_only=True),
    "buys at once": with_plan(buy_at=-timedelta(hours=3)),
    "sells later": with_plan(sell_at=timedelta(minutes=20)),
    "holds longer": with_plan(closes_at=timedelta(hours=1)),
    "another workflow": lambda asked: replace(asked, ref=replace(asked.ref, workflow_id=f"copied-{uuid4()}")),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
async def test_a_run_that_is_not_what_was_written_down_stands_down(
    desk: Desk, store: Store, runs: PostgresRunStore, forgery: Callable[[ActivateRun], ActivateRun]
) -> None:
    start = desk.start()
    await write_start(store, start.start)
    before = await desk.everything()
    with pytest.raises(ForeignStart):
        await runs.activate(forgery(start))
    assert await desk.everything() == before
    assert await runs.activate(start) == Activation(1)
    running = await desk.everything()
    with pytest.raises(ForeignStart):  # nor does it take over what runs
        await runs.activate(forgery(replace(start, ref=replace(start.ref, run_id="another"))))
    assert await desk.everything() == running


async def test_a_start_that_nobody_wrote_down_owns_nothing_and_is_told(
    desk: Desk, runs: PostgresRunStore
) -> None:
    alerts, cache = MemoryAlerts(), MemoryCache()
    start = desk.start()
    with pytest.raises(ApplicationError) as refused:
        await RunActivities(runs, cache, alerts)._activate(start)
    assert (refused.value.type, refused.value.non_retryable) == (STOOD_DOWN, True)
    assert (await desk.row()).status == "created"
    assert await desk.lines() == []
    assert cache.loaded == set()
    (alarm,) = alerts.raised
    assert (alarm.kind, alarm.user_id, alarm.data["workflow_id"]) == (
        "foreign_start",
        None,
        start.ref.workflow_id,
    )


async def test_anothers_strategy_is_told_and_a_deleted_one_is_not(desk: Desk, runs: PostgresRunStore) -> None:
    start = desk.start()
    with pytest.raises(ForeignStart, match="another user"):
        await runs.activate(replace(start, ref=replace(start.ref, user_id=uuid4())))
    with pytest.raises(LookupError):
        await runs.activate(replace(start, ref=replace(start.ref, strategy_id=uuid4())))


async def test_a_start_that_has_ended_does_not_begin_again(desk: Desk, runs: PostgresRunStore) -> None:
    """Stopped before buy_time: carried out once more, a copy of it would buy."""
    start = desk.start()
    await desk.runs.activate(start)
    await desk.runs.finish(desk.end(start, Outcome.STOPPED))
    again = replace(start, ref=replace(start.ref, run_id="a copy"))
    with pytest.raises(ForeignStart, match="has ended"):
        await runs.activate(again)
    with pytest.raises(AnotherRun):
        await runs.activate(changed(again, adopted=Adoption.LATE_ENTRY))
    assert (await desk.row()).status == "stopped"


async def test_shares_that_were_kept_on_purpose_are_not_adopted(desk: Desk, runs: PostgresRunStore) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    await desk.runs.finish(desk.end(start, Outcome.KEPT, Position.BOUGHT))
    with pytest.raises(AnotherRun):
        await runs.activate(
            changed(replace(start, ref=replace(start.ref, run_id="new")), adopted=Adoption.LATE_ENTRY)
        )


async def test_a_late_entry_is_owned_by_the_same_start(desk: Desk, runs: PostgresRunStore) -> None:
    start = desk.start()
    await desk.runs.activate(start)
    late = await desk.sent(desk.key())
    await desk.runs.finish(desk.end(start, Outcome.ORDER_FAILED))
    await desk.log.saw(late, seen(late, 10))
    adopted = changed(replace(start, ref=replace(start.ref, run_id="new")), adopted=Adoption.LATE_ENTRY)
    assert await runs.activate(adopted) == Activation(1, 10)


async def test_what_is_adopted_is_the_start_that_was_written_down(desk: Desk, store: Store) -> None:
    start = changed(desk.start(), account="zerodha:AB1234")
    async with store.work() as session:
        session.add(broker_account(desk))
    await desk.runs.activate(start)
    (row,) = await PostgresReconciliation(store).running([desk.strategy.strategy_id])
    assert what_differs(start.start, row.start) == ()
    assert row.start.plan == start.start.plan


async def test_a_day_of_before_goes_on_and_sells(desk: Desk, store: Store, runs: PostgresRunStore) -> None:
    """Begun by a version that wrote no START down, or by a database that was set back since."""
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    async with store.work() as session:
        await session.delete(await session.get_one(StartRow, start.ref.start_id))
    (row,) = await PostgresReconciliation(store).running([desk.strategy.strategy_id])
    reset = replace(start, ref=replace(start.ref, run_id="after a reset"))
    assert await runs.activate(reset) == Activation(1, 10)
    adopted = ActivateRun(
        replace(start.ref, run_id="adopted"), replace(row.start, adopted=Adoption.TERMINATED)
    )
    assert await runs.activate(adopted) == Activation(1, 10)
    with pytest.raises(ForeignStart):
        await runs.activate(with_terms(symbol="INFY")(reset))


async def test_a_sale_in_a_new_run_counts_what_its_leg_has_sold(desk: Desk, runs: PostgresRunStore) -> None:
    first = desk.start()
    await desk.runs.activate(first)
    await desk.bought()
    await desk.runs.finish(desk.end(first, Outcome.KEPT, Position.BOUGHT))
    sale = desk.start(sell_only=True)
    await desk.runs.activate(sale)
    sold = await desk.sent(desk.key(Leg.EXIT, 2))
    await desk.log.saw(sold, seen(sold, 4))
    again = replace(sale, ref=replace(sale.ref, run_id="adopted"))
    assert await runs.activate(changed(again, adopted=Adoption.TERMINATED)) == Activation(2, 10)


async def test_a_start_whose_account_was_forgotten_before_it_began_is_not_carried_out(
    desk: Desk, runs: PostgresRunStore, store: Store
) -> None:
    start = changed(desk.start(), account="zerodha:AB1234")
    await write_start(store, start.start)
    with pytest.raises(LookupError, match="forgotten"):
        await runs.activate(start)
    assert (await desk.row()).status == "created"


async def test_strategies_that_run_when_this_version_comes_are_written_down(postgres: PostgresServer) -> None:
    url = await postgres.empty_database()
    await upgrade_to(url, "0012")
    connection = await asyncpg.connect(url)
    user, running, fresh = uuid4(), uuid4(), uuid4()
    await connection.execute(
        "INSERT INTO users (user_id, email, password_hash) VALUES ($1, 'a@b.test', '')", user
    )
    terms = "symbol, exchange, product, buy_time, sell_time, stop_loss, quantity, on_stop"
    values = "'TCS', 'NSE', 'CNC', '09:30', '15:00:05', 3500.05, 10, 'keep'"
    await connection.execute(
        f"INSERT INTO strategies (strategy_id, user_id, {terms}) VALUES ($1, $2, {values})",  # noqa: S608
        *(fresh, user),
    )
    await connection.execute(
        f"INSERT INTO strategies (strategy_id, user_id, {terms}, status, start_id, trading_day, buy_at, "  # noqa: S608
        f"sell_at, closes_at, round) VALUES ($1, $2, {values}, 'running', gen_random_uuid(), '2026-11-23', "
        "'2026-11-23 09:30:00.123456+05:30', '2026-11-23 15:00+05:30', '2026-11-23 15:30+05:30', 1)",
        *(running, user),
    )
    await schema.upgrade(url)
    assert await connection.fetchval("SELECT count(*) FROM used_strategy_ids") == 2
    await connection.execute("UPDATE strategies SET workflow_id = 'w', run_id = 'r'")
    store = Store.open(url)
    (row,) = await PostgresReconciliation(store).running([running, fresh])
    async with store.work() as session:
        await session.delete(await session.get_one(StartRow, row.start.start_id))
    (from_the_row,) = await PostgresReconciliation(store).running([running])
    assert what_differs(row.start, from_the_row.start) == ()
    await store.close()
    await connection.close()
