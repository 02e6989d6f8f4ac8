"""What becomes of a day's orders when the broker, Redis or the login does not do as it was asked."""

import asyncio
import re
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.order import OrderStatus, Reason, Side
from domain.run import RunView
from domain.strategy import OnStop, Outcome, Position
from tests.fakes.broker import Answer
from tests.workflow.day import TestDay, in_phase, until, worker_for
from tests.workflow.whole_days import HIT, HOUR, Record, alerted, ended, finished, holding, sold_once


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
    told = [alarm.text for alarm in day.alerts.raised if alarm.kind == "emergency_exit"]
    assert re.match(
        r"Selling 10 TCS failed \(none of 10 sold: .+\); it is tried again in \d+ s, and on", told[0]
    )
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
        await until(lambda: alerted(day, "emergency_exit"))
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
        await until(lambda: finished(day))
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
        await until(lambda: finished(day))
        day.cache.down = False
        view = await run.result()
    assert view.outcome is Outcome.STOP_LOSS
    sold_once(day, Reason.STOPLOSS)


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
        await until(lambda: alerted(day, "exit_needs_account"))
        assert [order.side for order in day.broker.sent] == [Side.BUY]
        day.brokers.connected = "zerodha:AB1234"
        assert (await stop).outcome is Outcome.STOPPED
        await run.result()
    sold_once(day, Reason.STOP)
