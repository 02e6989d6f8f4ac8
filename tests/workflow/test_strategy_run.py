"""Every way a strategy's day can end, on the real workflow and activities."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from domain.order import Reason, Side
from domain.run import Adoption, RunView
from domain.strategy import Outcome, Position
from tests.workflow.day import TestDay, in_phase, worker_for
from tests.workflow.whole_days import HIT, HOUR, Record, ended, holding, sold_once
from workflows.strategy_run import StrategyRun


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


async def test_start_is_confirmed_once_it_is_written_down(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR)
        view = await run.execute_update("started", result_type=RunView)
        assert (view.status, len(day.store.activations)) == ("running", 1)
        await run.execute_update("stop", None, result_type=RunView)
        await run.result()


async def test_bought_late_when_the_delay_is_under_five_seconds(env: WorkflowEnvironment) -> None:
    day = TestDay()
    day.clock.oversleeps = timedelta(seconds=4.9)
    async with worker_for(env, day):
        view = await (await day.start(env, buy_in=HOUR)).result()
    assert view.outcome is Outcome.SOLD
