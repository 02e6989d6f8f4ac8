"""What every log of scheduled orders promises the workers: the one in Postgres and the one in memory."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from adapters.postgres.engine import Store
from adapters.postgres.operation_tables import WorkerRow
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.tables import StrategyRow
from adapters.process.clock import SystemClock
from domain.order import Attempt, Leg, LegKey, OrderStatus, Reason
from domain.ports import Claimed, OrderLog, ScheduledOrderLog
from domain.run import EnterOrder, ExitOrder
from domain.scheduled_order import EXIT_SENT_WITHIN, LEASE, UNMISSED, UNSENT_AFTER, ScheduledOrder
from domain.strategy import Phase
from tests.fakes.armed import MemoryScheduledOrderLog
from tests.fakes.house import MemoryOrderLog
from tests.fakes.starts import a_strategy
from tests.store_rows import TERMS, TODAY, Desk, seen

AHEAD = timedelta(seconds=30)
SOON = timedelta(seconds=10)
MOMENT = timedelta(seconds=0.2)


class Workers(Protocol):
    """Strategies that trade, and workers that fall silent."""

    async def entry(self) -> LegKey:
        """Return the entry of a new strategy that runs."""
        ...

    async def silent_for(self, worker: str, time: timedelta) -> None:
        """Make a worker's last heartbeat as old as that."""
        ...


class InMemory:
    """Workers of a log in memory."""

    def __init__(self, log: MemoryScheduledOrderLog) -> None:
        self._log = log

    async def entry(self) -> LegKey:
        strategy = a_strategy()
        return LegKey(strategy.strategy_id, strategy.user_id, TODAY, 1, Leg.ENTRY)

    async def silent_for(self, worker: str, time: timedelta) -> None:
        self._log.beats[worker] = self._log.log.clock.now() - time


@dataclass
class InPostgres:
    """Workers of a store."""

    store: Store

    async def entry(self) -> LegKey:
        desk = await Desk.made(self.store)
        await desk.runs.activate(desk.start())
        async with self.store.work() as session:
            mine = update(StrategyRow).where(StrategyRow.strategy_id == desk.strategy.strategy_id)
            open_still = now() + timedelta(hours=1)
            await session.execute(mine.values(phase=Phase.HOLDING.value, closes_at=open_still))
        return desk.key()

    async def silent_for(self, worker: str, time: timedelta) -> None:
        async with self.store.work() as session:
            row = update(WorkerRow).where(WorkerRow.name == worker)
            await session.execute(row.values(alive_at=now() - time))


@dataclass
class Subject:
    """The scheduled orders, the order log they are in, and who holds them."""

    held: ScheduledOrderLog
    log: OrderLog
    workers: Workers
    first: str = field(default_factory=lambda: f"first {uuid4().hex[:6]}")
    second: str = field(default_factory=lambda: f"second {uuid4().hex[:6]}")

    async def armed(self, due_at: datetime) -> EnterOrder:
        """Have the first worker, which is alive, hold a new strategy's entry."""
        order = EnterOrder(await self.workers.entry(), TERMS, 10, a_strategy().stop_loss, due_at, None)
        assert await self.held.arm(order, self.first)
        await self.held.beat(self.first)
        return order

    async def taken(self, worker: str, strategy_id: UUID) -> list[ScheduledOrder]:
        """Return what a worker takes over of one strategy's: tests share one table of workers."""
        found = await self.held.orphans(worker, AHEAD)
        return [one for one in found if one.order.key.strategy_id == strategy_id]

    async def sent(self, key: LegKey, due_at: datetime) -> Attempt:
        (planned,) = await self.log.leg(key)
        reason = Reason.BUY if key.leg is Leg.ENTRY else Reason.SELL
        claim = await self.log.claim(planned, 10, reason, due_at, None)
        assert isinstance(claim, Claimed)
        return claim.attempt

    async def bought(self) -> EnterOrder:
        """Have the entry of a new strategy armed, sent and filled."""
        order = await self.armed(now())
        sent = await self.sent(order.key, order.due_at)
        await self.log.saw(sent, seen(sent, 10))
        return order


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def in_memory() -> Subject:
    log = MemoryOrderLog(SystemClock())
    held = MemoryScheduledOrderLog(log)
    return Subject(held, log, InMemory(held))


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    log = (await Desk.made(store)).log
    return Subject(PostgresScheduledOrderLog(store, store), log, InPostgres(store))


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_an_armed_order_is_an_intent_of_its_leg(subject: Subject) -> None:
    order = await subject.armed(now() + SOON)
    (row,) = await subject.log.leg(order.key)
    assert (row.status, row.due_at, row.armed) == (OrderStatus.PLANNED, order.due_at, True)


async def test_what_was_sent_already_is_not_armed(subject: Subject) -> None:
    order = await subject.armed(now())
    await subject.sent(order.key, order.due_at)
    assert await subject.held.arm(order, subject.second) is None


async def test_orders_of_one_instant_are_counted_until_they_are_sent(subject: Subject) -> None:
    at = now() + MOMENT
    assert await subject.held.slot(at) == 0
    order = await subject.armed(at)
    await subject.armed(at)
    await subject.armed(at + SOON)
    assert await subject.held.slot(at) == 2
    await subject.sent(order.key, at)
    assert await subject.held.slot(at) == 1


async def test_what_a_living_worker_holds_is_its_own_until_it_is_late(subject: Subject) -> None:
    order = await subject.armed(now() + SOON)
    assert await subject.taken(subject.second, order.key.strategy_id) == []
    late = await subject.armed(now() - UNSENT_AFTER - MOMENT)
    (found,) = await subject.taken(subject.second, late.key.strategy_id)
    assert found.order == late


async def test_what_a_dead_worker_holds_is_taken_over_once(subject: Subject) -> None:
    order = await subject.armed(now() + SOON)
    await subject.workers.silent_for(subject.first, LEASE + MOMENT)
    await subject.held.beat(subject.second)
    (found,) = await subject.taken(subject.second, order.key.strategy_id)
    assert (found.order, found.attempt.tag) == (order, order.key.tag(1))
    assert await subject.taken(f"third {uuid4().hex[:6]}", order.key.strategy_id) == []


async def test_what_a_worker_holds_is_free_at_once_when_it_leaves(subject: Subject) -> None:
    order = await subject.armed(now() + SOON)
    await subject.held.leave(subject.first)
    assert len(await subject.taken(subject.second, order.key.strategy_id)) == 1


async def test_what_is_due_much_later_waits(subject: Subject) -> None:
    order = await subject.armed(now() + 2 * AHEAD)
    await subject.held.leave(subject.first)
    assert await subject.taken(subject.second, order.key.strategy_id) == []


async def test_what_is_much_too_late_is_left_to_its_run(subject: Subject) -> None:
    order = await subject.armed(now() - UNMISSED - MOMENT)
    await subject.held.leave(subject.first)
    assert await subject.taken(subject.second, order.key.strategy_id) == []


async def test_a_late_sale_is_left_to_its_run_sooner(subject: Subject) -> None:
    key = replace((await subject.bought()).key, leg=Leg.EXIT)
    sale = ExitOrder(key, TERMS, 10, Reason.SELL, now() - EXIT_SENT_WITHIN - MOMENT)
    assert await subject.held.arm(sale, subject.first)
    await subject.held.leave(subject.first)
    assert await subject.taken(subject.second, key.strategy_id) == []
    assert await subject.held.arm(replace(sale, due_at=now()), subject.first)
    (found,) = await subject.taken(subject.second, key.strategy_id)
    assert isinstance(found.order, ExitOrder)
    assert (found.order.bought, found.order.reason) == (10, Reason.SELL)


async def test_what_a_dead_worker_sent_is_followed_by_another(subject: Subject) -> None:
    order = await subject.armed(now())
    await subject.sent(order.key, order.due_at)
    await subject.held.beat(subject.first)
    assert await subject.taken(subject.second, order.key.strategy_id) == []
    await subject.held.leave(subject.first)
    (found,) = await subject.taken(subject.second, order.key.strategy_id)
    assert found.attempt.status is OrderStatus.SENT


async def test_what_is_over_is_nobodys(subject: Subject) -> None:
    order = await subject.bought()
    await subject.held.leave(subject.first)
    assert await subject.taken(subject.second, order.key.strategy_id) == []


async def test_a_stop_sells_ahead_of_its_run_what_was_bought_and_is_not_sold(subject: Subject) -> None:
    order, at = await subject.bought(), now()
    strategy_id = order.key.strategy_id
    (sale,) = await subject.held.at_their_stop([uuid4(), strategy_id], at)
    assert sale.order == ExitOrder(sale.attempt.key, TERMS, 10, Reason.STOPLOSS, at)
    assert (sale.attempt.key.leg, sale.attempt.status) == (Leg.EXIT, OrderStatus.PLANNED)
    await subject.sent(sale.attempt.key, at)
    assert await subject.held.at_their_stop([strategy_id], now()) == []


async def test_no_stop_sells_beside_an_entry_that_is_not_over(subject: Subject) -> None:
    order = await subject.armed(now())
    assert await subject.held.at_their_stop([order.key.strategy_id], now()) == []
    sent = await subject.sent(order.key, order.due_at)
    await subject.log.saw(sent, seen(sent, 4))
    assert await subject.held.at_their_stop([order.key.strategy_id], now()) == []
    await subject.log.saw(sent, seen(sent, 4, status=OrderStatus.CANCELLED))
    (sale,) = await subject.held.at_their_stop([order.key.strategy_id], now())
    assert isinstance(sale.order, ExitOrder)
    assert sale.order.bought == 4


async def test_stops_are_answered_in_the_order_asked(subject: Subject) -> None:
    one, other = [(await subject.bought()).key.strategy_id for _ in range(2)]
    found = await subject.held.at_their_stop([other, one], now())
    assert [sale.order.key.strategy_id for sale in found] == [other, one]
