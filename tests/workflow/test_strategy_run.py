"""Every way a strategy's day can end, on the real workflow and activities."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import TypeAlias

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from domain.order import OrderStatus, Reason, Side
from domain.run import Adoption, RunView
from domain.strategy import OnStop, Outcome, Position
from tests.fakes.broker import Answer
from tests.workflow.day import Run, TestDay, in_phase, until, worker_for
from workflows.strategy_run import StrategyRun

Record: TypeAlias = Callable[[Run], Awaitable[None]]
HOUR = timedelta(hours=1)
HIT = {"price": "3399.95", "tick_at": None, "seen_at": None}


async def holding(env: WorkflowEnvironment, day: TestDay) -> Run:
    """Start a day and go on to where the shares are held."""
    run = await day.start(env, buy_in=HOUR)
    await env.sleep(HOUR + timedelta(seconds=2))
    await in_phase(run, "holding")
    return run


async def ended(run: Run, record: Record) -> RunView:
    view = await run.result()
    await record(run)
    return view


def sold_once(day: TestDay, reason: Reason) -> None:
    """One BUY, one SELL, everything sold, for this reason."""
    assert [order.side for order in day.broker.sent] == [Side.BUY, Side.SELL]
    assert day.broker.filled(Side.SELL) == day.broker.filled(Side.BUY) == 10
    exits = [row for row in day.log.rows.values() if row.key.leg == "exit"]
    assert [row.reason for row in exits] == [reason]


async def test_sold_at_sell_time(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert (view.outcome, view.position) == (Outcome.SOLD, Position.SOLD)
    sold_once(day, Reason.SELL)
    assert day.store.phases == ["entering", "holding", "exiting"]
    assert day.cache.loaded == set()


async def test_stopped_out_when_the_price_reaches_the_stop(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.signal("STOPLOSS", HIT)
        view = await ended(run, record)
    assert (view.outcome, view.position) == (Outcome.STOP_LOSS, Position.SOLD)
    sold_once(day, Reason.STOPLOSS)


async def test_one_exit_when_the_stop_is_signalled_a_hundred_times(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        await asyncio.gather(*(run.signal("STOPLOSS", HIT) for _ in range(100)))
        view = await run.result()
    assert view.outcome is Outcome.STOP_LOSS
    sold_once(day, Reason.STOPLOSS)


@pytest.mark.parametrize(
    "message", [None, "rubbish", {}, {"price": "NaN"}, {"price": 0}, {"price": -1}, {"price": "3500"}]
)
async def test_day_goes_on_when_a_stop_signal_makes_no_sense(
    env: WorkflowEnvironment, message: object
) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.signal("STOPLOSS", message)
        view = await run.result()
    assert view.outcome is Outcome.SOLD


async def test_stop_signal_is_ignored_while_waiting(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR)
        await run.signal("STOPLOSS", HIT)
        view = await run.result()
    assert view.outcome is Outcome.SOLD


async def test_ends_when_told_that_another_caller_has_sold(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        await day.sell_ahead()
        await run.signal("SOLD")
        view = await run.result()
    assert (view.outcome, view.position, view.sold) == (Outcome.STOP_LOSS, Position.SOLD, 10)
    sold_once(day, Reason.STOPLOSS)
    closed_at = (await run.describe()).close_time
    assert closed_at is not None
    assert closed_at < day.store.activations[0].start.plan.sell_at


async def test_holds_on_when_told_of_a_sale_that_never_was(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        for _ in range(3):
            await run.signal("SOLD", "rubbish")
            await asyncio.sleep(0.3)
        assert (await run.query(StrategyRun.view)).held == 10
        view = await run.result()
    assert view.outcome is Outcome.SOLD
    sold_once(day, Reason.SELL)


async def test_closed_outside_when_the_user_has_sold_by_hand(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        day.broker.sell_by_hand(10)
        view = await run.result()
    assert (view.outcome, view.position) == (Outcome.CLOSED_OUTSIDE, Position.SOLD)
    assert [order.side for order in day.broker.sent] == [Side.BUY]
    assert [alarm.kind for alarm in day.alerts.raised] == ["closed_outside"]
    assert [end.outside for end in day.store.finished] == [10]


async def test_stopped_by_the_user_while_holding(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        answer = await run.execute_update("stop", {"on_stop": "exit"}, result_type=RunView)
        view = await ended(run, record)
    assert answer.outcome is view.outcome is Outcome.STOPPED
    assert view.position is Position.SOLD
    sold_once(day, Reason.STOP)


async def test_kept_when_the_user_says_keep(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        answer = await run.execute_update("stop", {"on_stop": "keep"}, result_type=RunView)
        view = await ended(run, record)
    assert answer.outcome is view.outcome is Outcome.KEPT
    assert view.position is Position.BOUGHT
    assert [order.side for order in day.broker.sent] == [Side.BUY]


async def test_nothing_is_bought_when_stopped_while_waiting(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR)
        await run.execute_update("stop", None, result_type=RunView)
        view = await ended(run, record)
    assert (view.outcome, view.position) == (Outcome.STOPPED, Position.NONE)
    assert day.broker.sent == []


async def test_cancelled_from_outside_while_holding(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.cancel()
        with pytest.raises(WorkflowFailureError):
            await run.result()
        await record(run)
        description = await run.describe()
    assert description.status is WorkflowExecutionStatus.CANCELED
    assert [finish.outcome for finish in day.store.finished] == [Outcome.CANCELLED]
    assert day.cache.loaded == set()
    sold_once(day, Reason.STOP)


async def test_kept_when_cancelled_and_the_strategy_keeps(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.keeping()
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.cancel()
        with pytest.raises(WorkflowFailureError):
            await run.result()
        await record(run)
    assert [finish.outcome for finish in day.store.finished] == [Outcome.KEPT]
    assert [order.side for order in day.broker.sent] == [Side.BUY]


async def test_cancelled_while_waiting(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR)
        await in_phase(run, "waiting")
        await run.cancel()
        with pytest.raises(WorkflowFailureError):
            await run.result()
        await record(run)
    assert [finish.outcome for finish in day.store.finished] == [Outcome.CANCELLED]
    assert day.broker.sent == []


async def test_missed_when_the_machine_slept_through_buy_time(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.clock.oversleeps = timedelta(seconds=5.1)
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert (view.outcome, view.position) == (Outcome.MISSED, Position.NONE)
    assert day.broker.sent == []


async def test_skipped_when_the_price_is_at_the_stop(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.broker.price = Decimal("3400")
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert (view.outcome, view.position) == (Outcome.SKIPPED, Position.NONE)
    assert day.broker.sent == []


@pytest.mark.parametrize("answer", [Answer.REJECT, Answer.REJECT_LATER])
async def test_rejected_by_the_broker(env: WorkflowEnvironment, record: Record, answer: Answer) -> None:
    day = TestDay()
    day.broker.script.append(answer)
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert (view.outcome, view.position) == (Outcome.REJECTED, Position.NONE)
    assert len(day.broker.sent) == 1


async def test_order_failed_when_three_attempts_are_refused(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.REFUSE] * 3)
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert view.outcome is Outcome.ORDER_FAILED
    assert len({order.tag for order in day.broker.sent}) == 3
    assert day.broker.filled(Side.BUY) == 0


async def test_bought_at_the_third_attempt(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.REFUSE] * 2)
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert view.outcome is Outcome.SOLD
    assert day.broker.filled(Side.BUY) == day.broker.filled(Side.SELL) == 10


async def test_never_bought_twice_when_the_answer_is_lost(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.broker.script.append(Answer.LOSE_ANSWER)
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert view.outcome is Outcome.SOLD
    sold_once(day, Reason.SELL)


async def test_order_failed_in_doubt_when_the_order_never_shows(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.broker.script.append(Answer.LOSE_ORDER)
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert view.outcome is Outcome.ORDER_FAILED
    assert "in doubt" in view.detail
    assert len(day.broker.sent) == 1
    assert [row.status for row in day.log.rows.values()] == [OrderStatus.ABSENT]


async def test_exit_is_sent_again_when_both_books_prove_the_first_absent(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.FILL, Answer.LOSE_ORDER])
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert view.outcome is Outcome.SOLD
    assert day.broker.filled(Side.SELL) == 10
    assert [order.side for order in day.broker.sent] == [Side.BUY, Side.SELL, Side.SELL]


async def test_sells_what_was_filled_when_the_entry_fills_in_part(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.broker.script.append(Answer.HALF)
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert (view.outcome, view.bought, view.sold) == (Outcome.SOLD, 5, 5)
    assert [order.quantity for order in day.broker.sent] == [10, 5]


async def test_order_failed_when_the_entry_rests_unfilled(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.broker.script.append(Answer.REST)
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert (view.outcome, view.position) == (Outcome.ORDER_FAILED, Position.NONE)
    assert [row.status for row in day.broker.book] == [OrderStatus.CANCELLED]


async def test_emergency_exit_goes_on_after_three_refusals(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.FILL, *[Answer.REFUSE] * 4])
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert (view.outcome, view.position) == (Outcome.SOLD, Position.SOLD)
    assert "emergency_exit" in {alarm.kind for alarm in day.alerts.raised}
    assert day.broker.filled(Side.SELL) == 10


async def test_position_left_is_alerted_when_the_market_closes_on_it(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.FILL, *[Answer.REFUSE] * 500])
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR, closes_after=timedelta(minutes=3)), record)
    assert (view.outcome, view.position) == (Outcome.ORDER_FAILED, Position.BOUGHT)
    assert "position_left" in {alarm.kind for alarm in day.alerts.raised}


async def test_kept_when_the_user_ends_an_emergency_exit(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.FILL, *[Answer.REFUSE] * 500])
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.signal("STOPLOSS", HIT)
        await until(lambda: _alerted(day, "emergency_exit"))
        await run.execute_update("stop", {"on_stop": OnStop.KEEP}, result_type=RunView)
        view = await ended(run, record)
    assert (view.outcome, view.position) == (Outcome.KEPT, Position.BOUGHT)


async def test_entry_waits_and_is_missed_when_redis_is_down(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR)
        await in_phase(run, "waiting")
        day.cache.down = True
        await env.sleep(HOUR + timedelta(seconds=20))
        await until(lambda: _finished(day))
        day.cache.down = False
        view = await ended(run, record)
    assert view.outcome is Outcome.MISSED
    assert "Redis" in view.detail
    assert day.broker.sent == []


async def test_exit_goes_on_when_redis_is_down(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await holding(env, day)
        day.cache.down = True
        await run.signal("STOPLOSS", HIT)
        await until(lambda: _finished(day))
        day.cache.down = False
        view = await run.result()
    assert view.outcome is Outcome.STOP_LOSS
    sold_once(day, Reason.STOPLOSS)


async def test_missed_when_there_is_no_login_in_time(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.brokers.logged_in = False
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR), record)
    assert view.outcome is Outcome.MISSED
    assert "log in" in view.detail


async def test_sells_what_an_earlier_day_left(env: WorkflowEnvironment, record: Record) -> None:
    day = TestDay()
    day.store.held = day.broker.held_before = 10
    async with worker_for(env, day):
        view = await ended(await day.start(env, buy_in=HOUR, sell_only=True), record)
    assert (view.outcome, view.position) == (Outcome.STOPPED, Position.SOLD)
    assert [order.side for order in day.broker.sent] == [Side.SELL]


async def test_a_sale_whose_run_was_ended_from_outside_goes_on_though_the_strategy_keeps(
    env: WorkflowEnvironment,
) -> None:
    """Its user had asked for it."""
    day = TestDay()
    day.keeping()
    day.store.held = day.broker.held_before = 10
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR, sell_only=True, adopted=Adoption.TERMINATED)
        view = await run.result()
    assert (view.outcome, view.position) == (Outcome.TERMINATED, Position.SOLD)
    assert [order.side for order in day.broker.sent] == [Side.SELL]


async def test_every_order_of_a_day_names_the_account_of_its_start(env: WorkflowEnvironment) -> None:
    day = TestDay()
    day.brokers.connected = "zerodha:AB1234"
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.execute_update("stop", {"on_stop": "exit"}, result_type=RunView)
        await run.result()
    sent = [(order.side, order.terms.account) for order in day.broker.sent]
    assert sent == [(Side.BUY, "zerodha:AB1234"), (Side.SELL, "zerodha:AB1234")]


async def test_sale_of_another_account_than_the_connected_one_waits_and_is_told(
    env: WorkflowEnvironment,
) -> None:
    day = TestDay()
    day.brokers.connected = "zerodha:AB1234"
    async with worker_for(env, day):
        run = await holding(env, day)
        day.brokers.connected = "zerodha:XY9999"
        stop = asyncio.ensure_future(run.execute_update("stop", {"on_stop": "exit"}, result_type=RunView))
        await until(lambda: _alerted(day, "exit_needs_account"))
        assert [order.side for order in day.broker.sent] == [Side.BUY]
        day.brokers.connected = "zerodha:AB1234"
        assert (await stop).outcome is Outcome.STOPPED
        await run.result()
    sold_once(day, Reason.STOP)


async def test_start_is_confirmed_once_it_is_written_down(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR)
        view = await run.execute_update("started", result_type=RunView)
        assert (view.status, len(day.store.activations)) == ("running", 1)
        await run.execute_update("stop", None, result_type=RunView)
        await run.result()


async def _alerted(day: TestDay, kind: str) -> bool:
    return kind in {alarm.kind for alarm in day.alerts.raised}


async def _finished(day: TestDay) -> bool:
    return bool(day.store.finished)


async def test_bought_late_when_the_delay_is_under_five_seconds(env: WorkflowEnvironment) -> None:
    day = TestDay()
    day.clock.oversleeps = timedelta(seconds=4.9)
    async with worker_for(env, day):
        view = await (await day.start(env, buy_in=HOUR)).result()
    assert view.outcome is Outcome.SOLD
