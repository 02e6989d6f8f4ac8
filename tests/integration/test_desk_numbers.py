"""The desk's numbers on a real Postgres: what needs a person is counted; unknown is not zero."""

import math
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import update

from adapters.postgres.engine import Store
from adapters.postgres.operator_alerts import PostgresOperatorAlerts
from adapters.postgres.orders import PostgresOrderLog
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from adapters.postgres.tables import OrderRow
from adapters.postgres.watchers import Watchers
from adapters.process.clock import SystemClock
from adapters.telemetry.operations_metrics import OperationsMetrics, OperationsWatch
from adapters.telemetry.order_metrics import MeteredOrderLog, OrderNumbers
from domain.errors import Unavailable
from domain.order import Leg
from domain.outcome import Accepted, Unknown
from domain.strategy import Outcome, Position
from tests.store_rows import TERMS, Desk, just_now


class Counted:
    """What a part counts: hit stops on Redis' queue, stuck runs in Temporal. None: the part is away."""

    def __init__(self, number: int | None) -> None:
        self.number = number

    async def count(self) -> int:
        if self.number is None:
            raise Unavailable("it did not answer")
        return self.number


def read(registry: CollectorRegistry, name: str) -> float:
    value = registry.get_sample_value(f"stopwatch_{name}")
    assert value is not None, name
    return value


async def test_what_needs_a_person_is_counted(store: Store) -> None:
    registry, queue = CollectorRegistry(), Counted(3)
    watch = OperationsWatch(
        OperationsMetrics(registry),
        PostgresOperatorAlerts(store),
        queue.count,
        Counted(0).count,
        SystemClock(),
        Watchers(store),
        PostgresOverdueRuns(store),
    )
    await watch.look()
    assert [read(registry, name) for name in ("orders_unknown", "orders_in_doubt", "positions_left")] == [
        0
    ] * 3
    assert read(registry, "queue_depth") == 3

    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    sent = await desk.sent(desk.key())
    await desk.log.answer(sent, Unknown("no answer"))
    await watch.look()
    assert (read(registry, "orders_unknown"), read(registry, "orders_in_doubt")) == (1, 0), (
        "it is ten seconds young"
    )

    async with store.work() as session:
        await session.execute(update(OrderRow).values(sent_at=just_now() - timedelta(seconds=60)))
    await watch.look()
    assert (read(registry, "orders_unknown"), read(registry, "orders_in_doubt")) == (1, 1)


async def test_shares_that_a_stopped_strategy_still_holds_are_counted(store: Store) -> None:
    registry = CollectorRegistry()
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    await desk.runs.finish(desk.end(start, Outcome.ORDER_FAILED, Position.BOUGHT))
    await OperationsWatch(
        OperationsMetrics(registry),
        PostgresOperatorAlerts(store),
        Counted(0).count,
        Counted(0).count,
        SystemClock(),
        Watchers(store),
        PostgresOverdueRuns(store),
    ).look()
    assert read(registry, "positions_left") == 1


async def test_what_cannot_be_read_is_unknown_and_the_reading_grows_old(store: Store) -> None:
    registry, queue = CollectorRegistry(), Counted(0)
    watch = OperationsWatch(
        OperationsMetrics(registry),
        PostgresOperatorAlerts(store),
        queue.count,
        Counted(0).count,
        SystemClock(),
        Watchers(store),
        PostgresOverdueRuns(store),
    )
    assert math.isnan(read(registry, "positions_left")), "nothing was read yet"
    await watch.look()
    read_at = read(registry, "desk_read_timestamp_seconds")
    queue.number = None
    await watch.look()
    assert math.isnan(read(registry, "queue_depth"))
    assert read(registry, "positions_left") == 0
    assert read(registry, "desk_read_timestamp_seconds") == read_at


@pytest.mark.parametrize("leg", list(Leg))
async def test_the_workers_order_log_counts_what_it_writes(store: Store, leg: Leg) -> None:
    registry = CollectorRegistry()
    made = await Desk.made(store)
    log: PostgresOrderLog = MeteredOrderLog(store, OrderNumbers(registry))
    desk = Desk(store, log, made.runs, made.strategy)
    await desk.runs.activate(desk.start())
    await log.answer(await desk.sent(desk.key(leg)), Accepted("1001"))

    def count(outcome: str) -> float | None:
        return registry.get_sample_value("stopwatch_orders_total", {"leg": leg.value, "outcome": outcome})

    assert (count("accepted"), count("denied")) == (1, 0)
    assert registry.get_sample_value("stopwatch_order_lateness_seconds_count", {"leg": leg.value}) == 1

    planned = await log.plan(desk.key(leg), TERMS, 2, just_now())
    closed = await log.deny(planned, "the strategy was stopped")
    await log.deny(closed, "the strategy was stopped", Outcome.STOPPED)
    assert count("denied") == 1, "what is closed is not refused again"


async def test_stuck_runs_are_counted_and_unknown_while_temporal_is_away(store: Store) -> None:
    registry, runs = CollectorRegistry(), Counted(2)
    watch = OperationsWatch(
        OperationsMetrics(registry),
        PostgresOperatorAlerts(store),
        Counted(0).count,
        runs.count,
        SystemClock(),
        Watchers(store),
        PostgresOverdueRuns(store),
    )
    await watch.look()
    assert read(registry, "runs_stuck") == 2
    runs.number = None
    await watch.look()
    assert math.isnan(read(registry, "runs_stuck"))
