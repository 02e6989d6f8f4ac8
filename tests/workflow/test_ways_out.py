"""A refused sale waits for what lifts it; a day that was slept through goes on; what is left can be let go.

Every way out of every state, with faults, is played in tests/simulation/test_ways_out.py.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from domain.order import Leg, Side
from domain.outage import Outage
from domain.run import Release, RunView
from domain.session import Session, exchange_time
from domain.strategy import Outcome, Phase, Position, Product
from tests.fakes.broker import Answer
from tests.workflow.day import Run, TestDay, in_activity, in_phase, until, worker_for
from workflows.strategy_run import StrategyRun

HOUR = timedelta(hours=1)
EARLY = timedelta(minutes=-10)
"""The market closes before the sale: to a run it is as if nothing had carried it on until after the close."""
Record = Callable[[Run], Awaitable[None]]


def sales(day: TestDay) -> int:
    return sum(order.side is Side.SELL for order in day.broker.sent)


def sold_at(day: TestDay) -> datetime:
    sent = [row.sent_at for row in day.log.rows.values() if row.key.leg is Leg.EXIT and row.sent_at]
    return min(sent)


def told(day: TestDay, kind: str) -> list[str]:
    return [alarm.text for alarm in day.alerts.raised if alarm.kind == kind]


async def _told(day: TestDay, kind: str) -> bool:
    return bool(told(day, kind))


async def holding(env: WorkflowEnvironment, day: TestDay) -> Run:
    run = await day.start(env, buy_in=HOUR)
    await env.sleep(HOUR + timedelta(seconds=30))
    await in_phase(run, "holding")
    return run


async def test_a_sale_that_its_user_must_have_lifted_goes_on_afterwards(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.FILL, Answer.AUTHORISE])
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.signal(StrategyRun.stop_loss, {"price": "3390"})
        await until(lambda: _told(day, "exit_refused"))
        await run.signal("SELL")
        view = await run.result()
        await record(run)
    assert (view.outcome, view.position, sales(day)) == (Outcome.STOP_LOSS, Position.SOLD, 2)
    assert len(told(day, "exit_refused")) == 1


async def test_kept_when_the_user_says_so_while_the_sale_is_refused(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.FILL, *[Answer.AUTHORISE] * 1000])
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.signal(StrategyRun.stop_loss, {"price": "3390"})
        await in_activity(run, "wait_for_lift")
        view = await run.execute_update("stop", {"on_stop": "keep"}, result_type=RunView)
        await run.result()
        await record(run)
    assert (view.outcome, view.position) == (Outcome.KEPT, Position.BOUGHT)


@pytest.mark.parametrize("message", [{"on_stop": "KEEP"}, {"onstop": "keep"}, "foo"])
async def test_a_stop_that_is_misspelt_is_refused_and_sells_nothing(
    env: WorkflowEnvironment, message: object
) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await run.execute_update("stop", message, result_type=RunView)
        assert '{"on_stop": "keep"}, which keeps it' in str(refused.value.cause)
        view = await run.query(StrategyRun.view)
        assert (view.phase, view.held, sales(day)) == (Phase.HOLDING, 10, 0)
        view = await run.execute_update("stop", result_type=RunView)
        await run.result()
    assert (view.outcome, sales(day)) == (Outcome.STOPPED, 1), "no input is the strategy's own on_stop"


@pytest.mark.parametrize(
    ("by_hand", "outcome", "position"),
    [(10, Outcome.CLOSED_OUTSIDE, Position.SOLD), (4, Outcome.KEPT, Position.BOUGHT)],
)
async def test_what_is_kept_is_what_the_account_still_holds(
    env: WorkflowEnvironment, record: Record, by_hand: int, outcome: Outcome, position: Position
) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        day.broker.sell_by_hand(by_hand)
        view = await run.execute_update("stop", {"on_stop": "keep"}, result_type=RunView)
        await run.result()
        await record(run)
    assert (view.outcome, view.position) == (outcome, position)
    assert f"{by_hand} of 10 TCS were gone at the broker" in view.detail
    assert ("6 TCS kept, as asked" in view.detail) is (by_hand == 4)


async def test_the_users_own_order_is_named_and_the_sale_goes_on_when_it_is_gone(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        theirs = day.broker.offer_by_hand(4, Decimal(3600))
        await run.signal(StrategyRun.stop_loss, {"price": "3390"})
        await until(lambda: _told(day, "exit_refused"))
        assert f"your order {theirs} (SELL 4 TCS, LIMIT at 3600.00)" in told(day, "exit_refused")[0]
        await day.broker.cancel(theirs)
        view = await run.result()
        await record(run)
    assert (view.outcome, view.position) == (Outcome.STOP_LOSS, Position.SOLD)
    assert len(told(day, "exit_refused")) == 1


async def slept_through(env: WorkflowEnvironment, day: TestDay) -> Run:
    """Start a day whose run finds the market closed when its sale is due."""
    now = await env.get_current_time()
    closed = now + HOUR + timedelta(hours=5) + EARLY
    opens = closed + timedelta(hours=18)
    run = await day.start(env, buy_in=HOUR, closes_after=EARLY)
    await env.sleep(HOUR + timedelta(seconds=30))
    await in_phase(run, "holding")
    day.outages.known.append(Outage(closed - HOUR, closed + HOUR))
    day.days.says = Session(exchange_time(opens).date(), opens, opens + timedelta(hours=6))
    return run


async def test_a_sale_that_was_slept_through_is_told_and_sold_when_the_market_opens(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await slept_through(env, day)
        view = await run.result()
        await record(run)
    assert isinstance(day.days.says, Session)
    assert sold_at(day) >= day.days.says.opens_at
    assert (view.outcome, view.position, sales(day)) == (Outcome.SOLD, Position.SOLD, 1)
    said = told(day, "sale_missed")
    assert len(said) == 1
    assert "the server was away from" in said[0]
    assert "are sold when the market opens" in said[0]
    assert told(day, "position_left") == []


async def test_a_strategy_that_keeps_watches_its_stop_again_after_it_was_slept_through(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.keeping()
    async with worker_for(env, day):
        run = await slept_through(env, day)
        await until(lambda: _slept(env, run, day))
        assert "their stop is watched again" in told(day, "sale_missed")[0]
        assert sales(day) == 0
        await in_phase(run, "holding")
        await run.signal(StrategyRun.stop_loss, {"price": "3390"})
        view = await run.result()
        await record(run)
    assert isinstance(day.days.says, Session)
    assert sold_at(day) >= day.days.says.opens_at, "nothing is sent before the opening"
    assert (view.outcome, view.position, sales(day)) == (Outcome.STOP_LOSS, Position.SOLD, 1)


async def test_what_was_sold_by_hand_while_the_server_was_away_is_closed_outside(
    env: WorkflowEnvironment,
) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await slept_through(env, day)
        day.broker.sell_by_hand(10)
        view = await run.result()
    assert (view.outcome, sales(day)) == (Outcome.CLOSED_OUTSIDE, 0)
    assert told(day, "sale_missed") == []


async def test_intraday_shares_that_were_slept_through_are_said_to_be_untried(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.strategy = replace(day.strategy, product=Product.MIS)
    async with worker_for(env, day):
        run = await slept_through(env, day)
        view = await run.result()
        await record(run)
    assert (view.outcome, sales(day)) == (Outcome.ORDER_FAILED, 0)
    assert "Nothing was tried" in view.detail
    assert "could not be sold" not in view.detail


async def test_a_sale_of_left_over_shares_waits_for_the_opening(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.store.held = day.broker.held_before = 10
    async with worker_for(env, day):
        before = await env.get_current_time()
        run = await day.start(env, buy_in=HOUR * 9, sell_only=True)
        view = await run.result()
        assert await env.get_current_time() - before >= HOUR * 9
        await record(run)
    assert (view.outcome, view.position, sales(day)) == (Outcome.STOPPED, Position.SOLD, 1)


async def test_left_over_shares_that_are_gone_need_no_opening(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.store.held = 10
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR * 9, sell_only=True)
        view = await run.result()
        await record(run)
    timers = [event.timer_started_event_attributes for event in (await run.fetch_history()).events]
    assert all(timer.start_to_fire_timeout.seconds < HOUR.total_seconds() for timer in timers)
    assert (view.outcome, view.position, day.broker.sent) == (Outcome.CLOSED_OUTSIDE, Position.SOLD, [])


@pytest.mark.parametrize("reads_fail", [False, True])
async def test_left_over_shares_are_kept_on_the_users_word(
    env: WorkflowEnvironment, record: Record, reads_fail: bool
) -> None:
    day = TestDay()
    day.store.held, day.broker.reads_fail = 10, reads_fail
    async with worker_for(env, day):
        run = await day.start(env, buy_in=timedelta(0), sell_only=True, release=Release.KEEP)
        view = await run.result()
        await record(run)
    assert (view.outcome, view.position, day.broker.sent) == (Outcome.KEPT, Position.BOUGHT, [])


@pytest.mark.parametrize(
    ("held", "outcome"), [(0, Outcome.CLOSED_OUTSIDE), (10, Outcome.ORDER_FAILED)], ids=["gone", "there"]
)
async def test_a_look_at_left_over_shares_releases_what_is_gone(
    env: WorkflowEnvironment, record: Record, held: int, outcome: Outcome
) -> None:
    day = TestDay()
    day.keeping()
    day.store.held, day.broker.held_before = 10, held
    async with worker_for(env, day):
        run = await day.start(env, buy_in=timedelta(0), sell_only=True, release=Release.LOOK)
        view = await run.result()
        await record(run)
    assert (view.outcome, day.broker.sent) == (outcome, [])
    assert told(day, "position_left") == []


async def _slept(env: WorkflowEnvironment, run: Run, day: TestDay) -> bool:
    if not told(day, "sale_missed"):
        await env.sleep(HOUR)  # nothing is under way: only its timers are
    return bool(told(day, "sale_missed"))
