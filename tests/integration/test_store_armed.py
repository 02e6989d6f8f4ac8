"""Held orders on a real Postgres: who holds which, what the dead leave, and how many an account may send."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import case, func, update

from adapters.postgres.engine import Store
from adapters.postgres.operation_tables import WorkerRow
from adapters.postgres.orders import PostgresOrderLog
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.tables import (
    OrderRow,
    StrategyRow,
)
from domain.budget import ENTRIES, EXITS
from domain.entry_turns import turns
from domain.order import Attempt, Leg, OrderStatus, Reason
from domain.outcome import Accepted
from domain.ports import Claimed, NotClaimed
from domain.run import EnterOrder, ExitOrder
from domain.scheduled_order import UNSENT_AFTER, ScheduledOrder
from domain.strategy import Outcome, Phase
from tests.store_rows import TERMS, Desk, just_now, seen

AHEAD = timedelta(seconds=30)


@pytest.fixture
async def desk(store: Store) -> Desk:
    made = await Desk.made(store)
    await made.runs.activate(made.start())
    return made


@pytest.fixture
def held(store: Store) -> PostgresScheduledOrderLog:
    return PostgresScheduledOrderLog(store, store)


@pytest.fixture
async def connected(database: str, store: Store) -> AsyncIterator["Connected"]:
    """A worker that is alive, on connections that bear its name."""
    worker = name("first")
    life = Store.open(database, pool_size=1, application=worker)
    await PostgresScheduledOrderLog(store, life).beat(worker)
    yield Connected(worker, life)
    await life.close()


@dataclass(frozen=True, slots=True)
class Connected:
    name: str
    life: Store


def name(words: str) -> str:
    """Return a worker's name that no other test uses: all share one table of workers."""
    return f"{words} {uuid4().hex[:6]}"


def entry(desk: Desk, due_at: datetime) -> EnterOrder:
    closes_at = due_at + timedelta(hours=1)
    return EnterOrder(desk.key(), TERMS, 10, desk.strategy.stop_loss, due_at, closes_at)


async def armed(
    held: PostgresScheduledOrderLog, order: EnterOrder | ExitOrder, worker: str
) -> ScheduledOrder:
    found = await held.arm(order, worker)
    assert found is not None
    return found


async def taken_over(held: PostgresScheduledOrderLog, desk: Desk, worker: str) -> list[ScheduledOrder]:
    """Return what `worker` takes over of this desk's; other tests' workers die too."""
    found = await held.orphans(worker, AHEAD)
    return [one for one in found if one.order.key.strategy_id == desk.strategy.strategy_id]


async def silent_for(store: Store, worker: str, seconds: float) -> None:
    async with store.work() as session:
        at = just_now() - timedelta(seconds=seconds)
        await session.execute(update(WorkerRow).where(WorkerRow.name == worker).values(alive_at=at))


async def test_order_of_a_silent_worker_is_taken_over_before_its_instant(
    desk: Desk, held: PostgresScheduledOrderLog, connected: Connected
) -> None:
    first, second = connected.name, name("second")
    order = entry(desk, just_now() + timedelta(seconds=10))
    mine = await armed(held, order, first)
    assert await taken_over(held, desk, second) == []
    await silent_for(desk.store, first, 1)
    assert await taken_over(held, desk, second) == [], "two beats may be lost while it is connected"
    await silent_for(desk.store, first, 2)
    [found] = await taken_over(held, desk, second)
    assert found.order == order
    assert found.attempt.tag == mine.attempt.tag


async def test_order_of_a_worker_whose_connection_ended_is_taken_over_sooner(
    desk: Desk, held: PostgresScheduledOrderLog, connected: Connected
) -> None:
    await armed(held, entry(desk, just_now() + timedelta(seconds=10)), connected.name)
    await connected.life.close()
    await silent_for(desk.store, connected.name, -5)
    assert await taken_over(held, desk, name("second")) == [], "it has just been heard of: it connects anew"
    await silent_for(desk.store, connected.name, 0.7)
    assert len(await taken_over(held, desk, name("second"))) == 1


async def test_order_is_free_at_once_when_its_worker_leaves(
    desk: Desk, held: PostgresScheduledOrderLog, connected: Connected
) -> None:
    await armed(held, entry(desk, just_now() + timedelta(seconds=10)), connected.name)
    await held.leave(connected.name)
    assert len(await taken_over(held, desk, name("second"))) == 1


async def test_what_a_living_worker_did_not_send_in_time_is_anybodys(
    desk: Desk, held: PostgresScheduledOrderLog, connected: Connected
) -> None:
    late = just_now() - UNSENT_AFTER - timedelta(seconds=0.1)
    await armed(held, entry(desk, late), connected.name)
    assert len(await taken_over(held, desk, name("second"))) == 1


async def test_what_a_dead_worker_sent_is_followed_by_another(
    desk: Desk, held: PostgresScheduledOrderLog, connected: Connected
) -> None:
    mine = await armed(held, entry(desk, just_now()), connected.name)
    await desk.log.claim(mine.attempt, 10, Reason.BUY, just_now(), None)
    assert await taken_over(held, desk, name("second")) == []
    await silent_for(desk.store, connected.name, 2)
    [found] = await taken_over(held, desk, name("second"))
    assert found.attempt.status is OrderStatus.SENT


async def test_a_late_sale_is_its_runs_and_nobody_elses(desk: Desk, held: PostgresScheduledOrderLog) -> None:
    await desk.bought()
    late = ExitOrder(desk.key(Leg.EXIT), TERMS, 10, Reason.SELL, just_now() - timedelta(seconds=2))
    await armed(held, late, name("gone"))
    assert await taken_over(held, desk, name("second")) == []


async def test_nothing_is_armed_once_it_was_sent_or_called_off(
    desk: Desk, held: PostgresScheduledOrderLog
) -> None:
    order = entry(desk, just_now() + timedelta(seconds=10))
    mine = await armed(held, order, name("first"))
    await desk.log.deny(mine.attempt, "stopped before it was sent", Outcome.STOPPED)
    assert await held.arm(order, name("second")) is None


async def test_nothing_more_is_planned_once_the_strategy_has_stopped(desk: Desk, store: Store) -> None:
    other = await Desk.made(store)
    start = other.start()
    await other.runs.activate(start)
    await other.runs.finish(other.end(start))
    late = await other.log.plan(other.key(), TERMS, 1, just_now())
    assert (late.status, late.verdict) == (OrderStatus.NOT_PLACED, Outcome.STOPPED)
    assert isinstance(await other.log.claim(late, 10, Reason.BUY, just_now(), None), NotClaimed)


async def test_a_stop_sells_ahead_of_its_run_only_while_the_shares_are_held(
    desk: Desk, held: PostgresScheduledOrderLog
) -> None:
    strategy_id = desk.strategy.strategy_id
    await in_phase(desk, Phase.ENTERING)
    sent = await desk.accepted(desk.key())
    await desk.log.saw(sent, seen(sent, 4))
    assert await held.at_their_stop([strategy_id], just_now()) == []  # the entry is still open
    await desk.log.saw(sent, seen(sent, 4, status=OrderStatus.CANCELLED))
    [sale] = await held.at_their_stop([uuid4(), strategy_id], just_now())
    assert isinstance(sale.order, ExitOrder)
    assert (sale.order.bought, sale.order.reason) == (4, Reason.STOPLOSS)
    await in_phase(desk, Phase.EXITING)
    assert await held.at_their_stop([strategy_id], just_now()) == []  # its run is selling


async def in_phase(desk: Desk, phase: Phase) -> None:
    async with desk.store.work() as session:
        await session.execute(
            update(StrategyRow)
            .where(StrategyRow.strategy_id == desk.strategy.strategy_id)
            .values(phase=phase.value, closes_at=just_now() + timedelta(hours=1))
        )


async def test_a_stop_sells_nothing_twice(desk: Desk, held: PostgresScheduledOrderLog) -> None:
    await in_phase(desk, Phase.HOLDING)
    await desk.bought()
    [sale] = await held.at_their_stop([desk.strategy.strategy_id], just_now())
    await desk.log.claim(sale.attempt, 10, Reason.STOPLOSS, just_now(), None)
    assert await held.at_their_stop([desk.strategy.strategy_id], just_now()) == []


@pytest.mark.parametrize(("leg", "most"), [(Leg.ENTRY, ENTRIES.a_second), (Leg.EXIT, EXITS.a_second)])
async def test_an_account_sends_no_more_a_second_than_the_broker_takes(
    desk: Desk, store: Store, leg: Leg, most: int
) -> None:
    planned = [await one.log.plan(one.key(leg), TERMS, 1, just_now()) for one in await of_one_user(store, 14)]
    won = [await claim(desk, attempt, leg) for attempt in planned]
    assert sum(isinstance(one, Claimed) for one in won) == most
    assert all(one.over_budget for one in won if isinstance(one, NotClaimed))


@pytest.mark.parametrize(("leg", "most"), [(Leg.ENTRY, ENTRIES.a_second), (Leg.EXIT, EXITS.a_second)])
async def test_processes_that_claim_at_one_moment_keep_an_accounts_budget_together(
    database: str, store: Store, leg: Leg, most: int
) -> None:
    stores = [Store.open(database) for _ in range(4)]
    logs = [PostgresOrderLog(one) for one in stores]
    for _ in range(10):  # each account is one chance for two statements to overlap
        desks = await of_one_user(store, 16)
        planned = [await one.log.plan(one.key(leg), TERMS, 1, just_now()) for one in desks]
        won = await asyncio.gather(
            *(claim(replace(desks[0], log=logs[nth % 4]), one, leg) for nth, one in enumerate(planned))
        )
        assert sum(isinstance(one, Claimed) for one in won) >= most
        assert most_in_a_second([row for one in desks for row in await one.orders()]) == most
    for one in stores:
        await one.close()


@pytest.mark.parametrize("answered", [True, False])
async def test_an_order_counts_until_a_second_after_it_can_have_arrived(store: Store, answered: bool) -> None:
    """Claimed two seconds ago, it may have reached the broker a moment ago: its second is not over."""
    *others, desk = await of_one_user(store, ENTRIES.a_second + 1)
    sent = [await one.sent(one.key()) for one in others]
    for nth, attempt in enumerate(sent if answered else ()):
        await desk.log.answer(attempt, Accepted(f"10{nth}"))
    following = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    await set_moments(desk, answered_ago=timedelta(0))
    assert isinstance(await claim(desk, following, Leg.ENTRY), NotClaimed)
    await set_moments(desk, answered_ago=timedelta(seconds=1.5))
    assert isinstance(await claim(desk, following, Leg.ENTRY), Claimed)


async def set_moments(desk: Desk, answered_ago: timedelta) -> None:
    """Have all that was sent claimed two seconds ago, and answered, or to leave by, so long ago."""
    moment = func.clock_timestamp() - answered_ago
    async with desk.store.work() as session:
        await session.execute(
            update(OrderRow)
            .where(OrderRow.sent_at.is_not(None))
            .values(
                sent_at=func.clock_timestamp() - timedelta(seconds=2),
                acknowledged_at=case((OrderRow.status == "sent", None), else_=moment),
                send_before=case((OrderRow.status == "sent", moment)),
            )
        )


async def of_one_user(store: Store, number: int) -> list[Desk]:
    """Return running strategies of one user: each may send its own entry."""
    user_id = uuid4()
    return [await Desk.started(store, user_id=user_id) for _ in range(number)]


async def started_together(store: Store, number: int, due_at: datetime) -> list[Desk]:
    """Return strategies of one user that are due at one instant, in the order of their STARTs."""
    user_id, desks = uuid4(), []
    for _ in range(number):
        desk = await Desk.made(store, user_id=user_id)
        start = desk.start()
        plan = replace(start.start.plan, buy_at=due_at)
        await desk.runs.activate(replace(start, start=replace(start.start, plan=plan)))
        desks.append(desk)
    return desks


async def test_the_first_start_has_the_first_turn_whoever_asks_first(database: str, store: Store) -> None:
    desks = await started_together(store, 20, just_now())
    planned = [await desk.log.plan(desk.key(), TERMS, 1, just_now()) for desk in desks]
    stores = [Store.open(database) for _ in range(3)]
    logs = [PostgresOrderLog(one) for one in stores]
    due_at = await all_due_soon(store)

    async def ask(nth: int) -> Claimed | NotClaimed:
        return await logs[nth % 3].claim(planned[nth], 10, Reason.BUY, due_at, None)

    waits = await asyncio.gather(*(ask(nth) for nth in range(8, 20)))  # the last STARTs ask first
    first = await asyncio.gather(*(ask(nth) for nth in range(8)))
    assert all(isinstance(one, Claimed) for one in first)
    after = []
    for one in waits:
        assert isinstance(one, NotClaimed)
        assert one.over_budget
        assert one.due_together == 20
        assert one.turn_at is not None
        after.append(round((one.turn_at - due_at).total_seconds()))
    assert after == [1] * 8 + [2] * 4
    for opened in stores:
        await opened.close()


async def test_an_entry_knows_how_many_were_due_with_it_after_they_have_ended(store: Store) -> None:
    desks = await started_together(store, 44, just_now())
    due_at = await all_due_soon(store)
    ended = [desk.strategy.strategy_id for desk in desks[2:-1]]
    async with store.work() as session:
        await session.execute(
            update(StrategyRow).where(StrategyRow.strategy_id.in_(ended)).values(status="stopped")
        )
    last = desks[-1]
    planned = await last.log.plan(last.key(), TERMS, 1, due_at)
    late = await last.log.claim(planned, 10, Reason.BUY, due_at, just_now() - timedelta(seconds=1))
    assert isinstance(late, NotClaimed)
    assert (late.too_late, late.due_together, late.started_before) == (True, 44, 43)
    assert late.turn_at == due_at, "its turn counts only those that are still to be sent"


async def all_due_soon(store: Store) -> datetime:
    """Have every strategy due in a moment that may be claimed already; return it."""
    due_at = (just_now() + timedelta(seconds=1.9)).replace(microsecond=0)
    async with store.work() as session:
        await session.execute(update(StrategyRow).values(buy_at=due_at))
    return due_at


@pytest.mark.parametrize(("crowd", "apart"), [((12, 1), 1), ((8, 9), 1), ((60, 1), 3), ((50, 3), 1)])
async def test_turns_in_the_store_are_those_of_the_rule(
    store: Store, crowd: tuple[int, int], apart: float
) -> None:
    """One user's line of two seconds; the turn of its last entry."""
    due_at = just_now().replace(microsecond=0)
    before = due_at - timedelta(seconds=apart)
    early = await started_together(store, crowd[0], before)
    late = await started_together(store, crowd[1], due_at)
    user_id = early[0].strategy.user_id
    async with store.work() as session:
        ids = [desk.strategy.strategy_id for desk in late]
        await session.execute(
            update(StrategyRow).where(StrategyRow.strategy_id.in_(ids)).values(user_id=user_id)
        )
    last = late[-1]
    planned = await last.log.plan(replace(last.key(), user_id=user_id), TERMS, 1, due_at)
    told = await last.log.claim(planned, 10, Reason.BUY, due_at, due_at - timedelta(seconds=1))
    assert isinstance(told, NotClaimed)
    assert told.turn_at == turns([before] * crowd[0] + [due_at] * crowd[1])[-1]
    assert told.due_together == crowd[1]


def most_in_a_second(orders: Sequence[OrderRow]) -> int:
    """Return how many were claimed within the busiest second."""
    sent = sorted(one.sent_at for one in orders if one.sent_at is not None)
    return max(sum(timedelta(0) <= one - first < timedelta(seconds=1) for one in sent) for first in sent)


async def test_an_exit_passes_where_entries_have_used_up_theirs(store: Store) -> None:
    desks = await of_one_user(store, ENTRIES.a_second)
    for one in desks:
        planned = await one.log.plan(one.key(), TERMS, 1, just_now())
        assert isinstance(await claim(one, planned, Leg.ENTRY), Claimed)
    desk = desks[0]
    sale = await desk.log.plan(desk.key(Leg.EXIT), TERMS, 1, just_now())
    assert isinstance(await claim(desk, sale, Leg.EXIT), Claimed)


async def test_another_account_is_not_held_up(store: Store) -> None:
    for one in await of_one_user(store, 11):
        await claim(one, await one.log.plan(one.key(), TERMS, 1, just_now()), Leg.ENTRY)
    other = await Desk.started(store)
    planned = await other.log.plan(other.key(), TERMS, 1, just_now())
    assert isinstance(await claim(other, planned, Leg.ENTRY), Claimed)


async def test_a_claim_ahead_of_its_instant_says_that_it_leaves_then(desk: Desk) -> None:
    due_at = just_now() + timedelta(seconds=1)
    planned = await desk.log.plan(desk.key(), TERMS, 1, due_at)
    claimed = await desk.log.claim(planned, 10, Reason.BUY, due_at, due_at + timedelta(seconds=5))
    assert isinstance(claimed, Claimed)
    assert claimed.attempt.sent_at == due_at
    assert claimed.attempt.send_before is not None
    assert claimed.attempt.send_before < due_at + timedelta(seconds=2)


async def claim(desk: Desk, attempt: Attempt, leg: Leg) -> Claimed | NotClaimed:
    reason = Reason.BUY if leg is Leg.ENTRY else Reason.SELL
    return await desk.log.claim(attempt, 10, reason, just_now(), None)
