"""Things that happen at the same time: one entry, one exit that counts, an end that says what happened."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from domain.errors import NoSuchRun
from domain.order import FINAL, OrderStatus, Reason, Side
from domain.run import RUN_VERSION, FinishRun, RunView, StartRun, StopRequest
from domain.session import DayPlan
from domain.strategy import OnStop, Outcome, Position
from tests.fakes.broker import Answer
from tests.workflow.day import Run, TestDay, in_phase, until, worker_for
from tests.workflow.one_step import SlowSteps
from tests.workflow.pause import paused_at
from workflows.client import TemporalRuns
from workflows.strategy_run import StrategyRun

Record: TypeAlias = Callable[[Run], Awaitable[None]]
NOW = timedelta(0)
HOUR = timedelta(hours=1)
UNTIL_SELL_TIME = timedelta(hours=5)
HIT = {"price": "3399.95", "tick_at": None, "seen_at": None}
DEEPER = {"price": "3350", "tick_at": None, "seen_at": None}
WAKES_LAST = UUID(int=1000 << 90)
"""A strategy that wakes six seconds before its instants, later than any other."""


def traded(day: TestDay) -> tuple[int, int]:
    """Return shares bought and sold, after checking what no race may break."""
    bought, sold = day.broker.filled(Side.BUY), day.broker.filled(Side.SELL)
    entries = [row for row in day.broker.book if row.side is Side.BUY]
    assert len(entries) <= 1, "bought twice"
    assert sold <= bought <= (day.strategy.quantity or 0), "sold more than was bought"
    assert all(row.status in FINAL for row in day.broker.book), "an order was left open"
    tags = [order.tag for order in day.broker.sent]
    assert len(set(tags)) == len(tags), "one intent was sent twice"
    unresolved = {OrderStatus.PLANNED, OrderStatus.SENT, OrderStatus.OPEN}
    entry_rows = [row for row in day.log.rows.values() if row.key.leg == "entry"]
    assert not unresolved & {row.status for row in entry_rows}, "an entry was left unresolved"
    return bought, sold


async def holding(env: WorkflowEnvironment, day: TestDay) -> Run:
    run = await day.start(env, buy_in=NOW)
    await in_phase(run, "holding")
    return run


async def ended(day: TestDay, run: Run, record: Record | None = None) -> FinishRun:
    """Wait for the end, cancelled or not, and return what was written of it: once."""
    with suppress(WorkflowFailureError):  # a cancelled run ends as cancelled; its row says how
        await run.result()
    if record is not None:
        await record(run)
    [finish] = day.store.finished
    assert day.cache.loaded == set()
    return finish


def sent(day: TestDay, side: Side, count: int = 1) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        return [order.side for order in day.broker.sent].count(side) >= count

    return there


def asked_to_leave(run: Run, day: TestDay, how: str) -> Awaitable[object]:
    """Ask for the way out; an update returns a future of its answer."""
    if how == "STOPLOSS":
        return run.signal("STOPLOSS", HIT)
    if how == "cancel":
        return run.cancel()
    message = {"STOP": None, "exit": {"on_stop": "exit"}, "keep": {"on_stop": "keep"}}[how]
    return asyncio.ensure_future(run.execute_update("stop", message, result_type=RunView))


async def stopped_out_and_after(env: WorkflowEnvironment, run: Run, timer: datetime, first: str) -> None:
    """Signal the stop and let a timer fire; the signal first, or the timer.

    Time does not skip while a run is at work: the timer's last second is a real one.
    """
    if first == "timer":
        await until(lambda: _past(env, timer))
    await run.signal("STOPLOSS", HIT)
    await until(lambda: _past(env, timer))


async def _past(env: WorkflowEnvironment, instant: datetime) -> bool:
    return await env.get_current_time() > instant + timedelta(seconds=0.1)


async def all_asked(run: Run, day: TestDay, ways: tuple[str, ...]) -> list["asyncio.Future[RunView]"]:
    """Ask in this order, each admitted by the server before the next; return the answers still to come."""
    answers = []
    for way in ways:
        asked = asked_to_leave(run, day, way)
        if isinstance(asked, asyncio.Future):
            answers.append(asked)
            await asyncio.sleep(0.05)  # nothing tells that the server has it before the run does
        else:
            await asked
    return answers


# The stop-loss and the entry.

ENTRIES_UNDER_WAY = [
    (Answer.FILL, 10),
    (Answer.HALF, 5),
    (Answer.REST, 0),
    (Answer.LOSE_ANSWER, 10),
]
LEAVING = {
    "STOPLOSS": (Outcome.STOP_LOSS, Outcome.SKIPPED, Reason.STOPLOSS),
    "STOP": (Outcome.STOPPED, Outcome.STOPPED, Reason.STOP),
    "cancel": (Outcome.CANCELLED, Outcome.CANCELLED, Reason.STOP),
}


@pytest.mark.parametrize("way", LEAVING)
@pytest.mark.parametrize(("answer", "filled"), ENTRIES_UNDER_WAY)
async def test_sells_what_was_filled_when_told_to_leave_during_the_buy(
    env: WorkflowEnvironment, record: Record, answer: Answer, filled: int, way: str
) -> None:
    day = TestDay()
    day.broker.script.append(answer)
    day.broker.holds[Side.BUY] = asyncio.Event()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=NOW)
        await until(sent(day, Side.BUY))
        answers = await all_asked(run, day, (way,))
        await until(lambda: _order_is_called_off(run))
        day.broker.holds[Side.BUY].set()
        finish = await ended(day, run, record if answer is Answer.HALF else None)
        await asyncio.gather(*answers)
    assert traded(day) == (filled, filled)
    with_shares, with_none, reason = LEAVING[way]
    assert finish.outcome is (with_shares if filled else with_none), finish
    exits = [row.reason for row in day.log.rows.values() if row.key.leg == "exit" and row.filled_quantity]
    assert exits == ([reason] if filled else [])


async def test_stop_loss_before_buy_time_is_ignored_when_the_entry_is_held(
    env: WorkflowEnvironment,
) -> None:
    day = TestDay()
    with paused_at("entry.armed") as pause:
        async with worker_for(env, day):
            run = await day.start(env, buy_in=timedelta(seconds=5))
            await pause.reached.wait()
            await run.signal("STOPLOSS", HIT)
            assert (await run.query(StrategyRun.view)).phase == "entering"
            pause.go.set()
            finish = await ended(day, run)
    assert traded(day) == (10, 10)
    assert finish.outcome is Outcome.SOLD


# The stop-loss and the exit.


async def test_sold_once_when_the_stop_is_hit_again_during_the_sale(env: WorkflowEnvironment) -> None:
    day = TestDay()
    day.broker.holds[Side.SELL] = asyncio.Event()
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.signal("STOPLOSS", HIT)
        await until(sent(day, Side.SELL))
        await run.signal("STOPLOSS", DEEPER)
        day.broker.holds[Side.SELL].set()
        finish = await ended(day, run)
    assert traded(day) == (10, 10)
    assert len(day.broker.sent) == 2
    assert finish.outcome is Outcome.STOP_LOSS
    assert "3399.95" in finish.detail, "the price that was hit first is the one that is told"


@pytest.mark.parametrize("first", ["signal", "timer"])
async def test_stop_loss_wins_when_sell_time_comes_in_the_same_step(
    env: WorkflowEnvironment, record: Record, first: str
) -> None:
    day = TestDay()
    day.strategy = replace(day.strategy, strategy_id=WAKES_LAST)
    steps = SlowSteps()
    async with worker_for(env, day, steps):
        run = await holding(env, day)
        await env.sleep(UNTIL_SELL_TIME - timedelta(seconds=9))
        wakes_at = await env.get_current_time() + timedelta(seconds=1)
        async with steps.one_step(run):
            await stopped_out_and_after(env, run, wakes_at, first)
        finish = await ended(day, run, record)
    assert traded(day) == (10, 10)
    assert len(day.broker.sent) == 2
    assert finish.outcome is Outcome.STOP_LOSS


@pytest.mark.parametrize("way", LEAVING)
async def test_sold_once_when_told_to_leave_while_the_sale_is_held_to_its_second(
    env: WorkflowEnvironment, record: Record, way: str
) -> None:
    day = TestDay()
    day.strategy = replace(day.strategy, strategy_id=WAKES_LAST)
    with paused_at("exit.armed") as pause:
        async with worker_for(env, day):
            run = await holding(env, day)
            await env.sleep(UNTIL_SELL_TIME - timedelta(seconds=9))
            await pause.reached.wait()
            answers = await all_asked(run, day, (way,))
            await until(sent(day, Side.SELL))  # at once, not at sell_time
            assert not pause.go.is_set()
            pause.go.set()
            finish = await ended(day, run, record)
            await asyncio.gather(*answers)
    assert traded(day) == (10, 10)
    assert len(day.broker.sent) == 2
    assert finish.outcome is LEAVING[way][0]


@pytest.mark.parametrize("first", ["signal", "timer"])
async def test_one_exit_when_the_stop_is_hit_at_sell_time_with_the_sale_in_the_worker(
    env: WorkflowEnvironment, record: Record, first: str
) -> None:
    day, steps = TestDay(), SlowSteps()
    day.strategy = replace(day.strategy, strategy_id=WAKES_LAST)
    with paused_at("exit.armed") as pause:
        async with worker_for(env, day, steps):
            run = await holding(env, day)
            await env.sleep(UNTIL_SELL_TIME - timedelta(seconds=9))
            sells_at = await env.get_current_time() + timedelta(seconds=9)
            await pause.reached.wait()
            await until(lambda: _past(env, sells_at - timedelta(seconds=1)))
            async with steps.one_step(run):
                await stopped_out_and_after(env, run, sells_at, first)
            pause.go.set()
            finish = await ended(day, run, record)
    assert traded(day) == (10, 10)
    assert len(day.broker.sent) == 2
    # The sale was in the worker already and went out at its second: one exit, and its own reason is told.
    assert finish.outcome in (Outcome.STOP_LOSS, Outcome.SOLD)


async def test_stop_loss_changes_nothing_when_the_sale_was_sent_for_a_stop(env: WorkflowEnvironment) -> None:
    day = TestDay()
    day.broker.holds[Side.SELL] = asyncio.Event()
    async with worker_for(env, day):
        run = await holding(env, day)
        answers = await all_asked(run, day, ("exit",))
        await until(sent(day, Side.SELL))
        await run.signal("STOPLOSS", HIT)
        day.broker.holds[Side.SELL].set()
        finish = await ended(day, run)
        assert [answer.outcome for answer in await asyncio.gather(*answers)] == [Outcome.STOPPED]
    assert traded(day) == (10, 10)
    assert finish.outcome is Outcome.STOPPED
    assert len(day.broker.sent) == 2


async def test_stop_loss_after_the_sale_changes_nothing(env: WorkflowEnvironment) -> None:
    day = TestDay()
    with paused_at("finish.begun") as pause:
        async with worker_for(env, day):
            run = await holding(env, day)
            answers = await all_asked(run, day, ("exit",))
            await pause.reached.wait()
            await run.signal("STOPLOSS", HIT)
            pause.go.set()
            finish = await ended(day, run)
            await asyncio.gather(*answers)
        with pytest.raises(RPCError) as gone:
            await run.signal("STOPLOSS", HIT)
    assert gone.value.status is RPCStatusCode.NOT_FOUND
    assert traded(day) == (10, 10)
    assert finish.outcome is Outcome.STOPPED


# Words that contradict each other, heard in one step.


@pytest.mark.parametrize(
    ("ways", "sold", "outcomes"),
    [
        (("exit", "exit"), 10, {Outcome.STOPPED}),
        (("STOP", "STOP"), 10, {Outcome.STOPPED}),
        (("keep", "keep"), 0, {Outcome.KEPT}),
        (("exit", "keep"), 0, {Outcome.KEPT}),
        (("keep", "exit"), 10, {Outcome.STOPPED}),
        (("STOPLOSS", "exit"), 10, {Outcome.STOP_LOSS}),
        (("exit", "STOPLOSS"), 10, {Outcome.STOP_LOSS}),
        (("STOPLOSS", "cancel"), 10, {Outcome.STOP_LOSS}),
        (("cancel", "STOPLOSS"), 10, {Outcome.STOP_LOSS}),
        (("cancel", "keep"), 0, {Outcome.KEPT}),
        (("cancel", "cancel"), 10, {Outcome.CANCELLED}),
        (("STOPLOSS", "keep"), 0, {Outcome.KEPT}),
        (("keep", "STOPLOSS"), 0, {Outcome.KEPT}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
async def test_one_end_when_two_words_are_heard_in_one_step(
    env: WorkflowEnvironment, ways: tuple[str, ...], sold: int, outcomes: set[Outcome]
) -> None:
    day = TestDay()
    steps = SlowSteps()
    async with worker_for(env, day, steps):
        run = await holding(env, day)
        async with steps.one_step(run):
            answers = await all_asked(run, day, ways)
        finish = await ended(day, run)
        views = await asyncio.gather(*answers)
    assert traded(day) == (10, sold)
    assert finish.outcome in outcomes, finish
    assert {view.outcome for view in views} <= {finish.outcome}, "everybody hears the same end"
    assert day.alerts.raised == []


@pytest.mark.parametrize(("answer", "sold"), [(Answer.REST, 0), (Answer.HALF, 5)])
async def test_kept_when_the_user_says_so_while_the_exit_rests(
    env: WorkflowEnvironment, record: Record, answer: Answer, sold: int
) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.FILL, answer])
    with paused_at("exit.answered") as pause:
        async with worker_for(env, day):
            run = await holding(env, day)
            answers = await all_asked(run, day, ("exit",))
            await pause.reached.wait()
            answers += await all_asked(run, day, ("keep",))
            await pause.called_off.wait()
            pause.go.set()
            finish = await ended(day, run, record)
            views = await asyncio.gather(*answers)
    assert traded(day) == (10, sold)
    assert (finish.outcome, finish.position) == (Outcome.KEPT, Position.BOUGHT)
    assert {view.held for view in views} == {10 - sold}


async def test_sold_when_keep_comes_after_the_sale_was_carried_out(env: WorkflowEnvironment) -> None:
    day = TestDay()
    day.broker.holds[Side.SELL] = asyncio.Event()
    async with worker_for(env, day):
        run = await holding(env, day)
        answers = await all_asked(run, day, ("exit",))
        await until(sent(day, Side.SELL))
        answers += await all_asked(run, day, ("keep",))
        await until(lambda: _order_is_called_off(run))
        day.broker.holds[Side.SELL].set()
        finish = await ended(day, run)
        views = await asyncio.gather(*answers)
    assert traded(day) == (10, 10)
    assert (finish.outcome, finish.position) == (Outcome.STOPPED, Position.SOLD)
    assert {view.outcome for view in views} == {Outcome.STOPPED}


# Cancelled at every step of both orders.

BEFORE_THE_SEND = ("entry.holding", "entry.planned")
AFTER_THE_CLAIM = ("entry.claimed", "entry.sent", "entry.answered", "entry.seen", "entry.written")
EXIT_STEPS = ("exit.holding", "exit.claimed", "exit.sent", "exit.answered", "exit.seen", "exit.written")


@pytest.mark.parametrize("step", [*BEFORE_THE_SEND, *AFTER_THE_CLAIM])
async def test_cancelled_at_a_step_of_the_entry(env: WorkflowEnvironment, step: str) -> None:
    day = TestDay()
    with paused_at(step) as pause:
        async with worker_for(env, day):
            run = await day.start(env, buy_in=NOW)
            await pause.reached.wait()
            await run.cancel()
            await pause.called_off.wait()
            pause.go.set()
            finish = await ended(day, run)
    assert traded(day) == ((0, 0) if step in BEFORE_THE_SEND else (10, 10))
    assert finish.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("step", EXIT_STEPS)
async def test_cancelled_at_a_step_of_the_exit(env: WorkflowEnvironment, step: str) -> None:
    day = TestDay()
    with paused_at(step) as pause:
        async with worker_for(env, day):
            run = await holding(env, day)
            await run.signal("STOPLOSS", HIT)
            await pause.reached.wait()
            await run.cancel()
            pause.go.set()
            finish = await ended(day, run)
    assert traded(day) == (10, 10)
    assert len(day.broker.sent) == 2
    assert finish.outcome is Outcome.STOP_LOSS


@pytest.mark.parametrize("step", ["finish.begun", "finish.dropped", "finish.written"])
async def test_cancelled_while_the_end_is_written(env: WorkflowEnvironment, step: str) -> None:
    day = TestDay()
    with paused_at(step) as pause:
        async with worker_for(env, day):
            run = await holding(env, day)
            await run.signal("STOPLOSS", HIT)
            await pause.reached.wait()
            await run.cancel()
            pause.go.set()
            finish = await ended(day, run)
    assert traded(day) == (10, 10)
    assert finish.outcome is Outcome.STOP_LOSS


async def test_cancelled_while_the_start_is_written(env: WorkflowEnvironment) -> None:
    day = TestDay()
    with paused_at("activate.written") as pause:
        async with worker_for(env, day):
            run = await day.start(env, buy_in=HOUR)
            await pause.reached.wait()
            await run.cancel()
            pause.go.set()
            finish = await ended(day, run)
    assert day.broker.sent == []
    assert finish.outcome is Outcome.CANCELLED


async def test_cancelled_during_an_emergency_exit_goes_on_until_it_is_sold(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.FILL, *[Answer.REFUSE] * 4])
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.signal("STOPLOSS", HIT)
        await until(lambda: _alerted(day, "emergency_exit"))
        await run.cancel()
        finish = await ended(day, run, record)
    assert traded(day) == (10, 10)
    assert finish.outcome is Outcome.STOP_LOSS


# Two presses of START.


def press(day: TestDay, plan: DayPlan) -> StartRun:
    return StartRun(uuid4(), day.strategy, plan, version=RUN_VERSION)


async def plan_for(env: WorkflowEnvironment) -> DayPlan:
    now = await env.get_current_time()
    return DayPlan(now.date(), now, now + UNTIL_SELL_TIME, now - HOUR, now + UNTIL_SELL_TIME + HOUR)


async def test_one_run_when_start_is_pressed_twice_at_once(env: WorkflowEnvironment) -> None:
    day, plan = TestDay(), await plan_for(env)
    runs = TemporalRuns(env.client, day.task_queue)
    async with worker_for(env, day):
        views = await asyncio.gather(*(runs.start(press(day, plan)) for _ in range(2)))
        run = run_of(env, day, plan)
        await in_phase(run, "holding")
        await all_asked(run, day, ("exit",))
        await run.result()
    assert len(day.store.activations) == 1
    assert {(view.status, view.round) for view in views} == {("running", 1)}
    assert traded(day) == (10, 10)


async def test_start_joins_the_ending_run_when_pressed_while_it_stops(env: WorkflowEnvironment) -> None:
    day, plan = TestDay(), await plan_for(env)
    day.broker.holds[Side.SELL] = asyncio.Event()
    runs = TemporalRuns(env.client, day.task_queue)
    async with worker_for(env, day):
        await runs.start(press(day, plan))
        run = run_of(env, day, plan)
        await in_phase(run, "holding")
        answers = await all_asked(run, day, ("exit",))
        await until(sent(day, Side.SELL))
        again = await runs.start(press(day, plan))
        day.broker.holds[Side.SELL].set()
        await asyncio.gather(*answers)
    assert again.phase == "exiting", "the answer says that this day is ending"
    assert len(day.store.activations) == 1
    assert traded(day) == (10, 10)
    [finish] = day.store.finished
    assert finish.outcome is Outcome.STOPPED


async def test_two_stops_are_one_when_pressed_at_once(env: WorkflowEnvironment) -> None:
    day, plan = TestDay(), await plan_for(env)
    runs = TemporalRuns(env.client, day.task_queue)
    async with worker_for(env, day):
        await runs.start(press(day, plan))
        run = run_of(env, day, plan)
        await in_phase(run, "holding")
        run_id = (await run.describe()).run_id
        stops = (StopRequest(OnStop.EXIT), StopRequest(None))
        views = await asyncio.gather(*(runs.stop(run.id, run_id, stop, 10) for stop in stops))
        with pytest.raises(NoSuchRun):
            await runs.stop(run.id, run_id, StopRequest(OnStop.KEEP), 10)
    assert {view.outcome for view in views if view} == {Outcome.STOPPED}
    assert None not in views
    assert traded(day) == (10, 10)


def run_of(env: WorkflowEnvironment, day: TestDay, plan: DayPlan) -> Run:
    """Return the handle of the day's run."""
    workflow_id = f"strategy-{day.strategy.strategy_id}-{plan.trading_day}"
    return env.client.get_workflow_handle_for(StrategyRun.run, workflow_id)


async def _order_is_called_off(run: Run) -> bool:
    """Tell whether the server has the run's word to cancel its order activity.

    The time-skipping server, unlike Temporal, fails a run that calls off an activity which has just ended.
    """
    events = (await run.fetch_history()).events
    return any(event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED for event in events)


async def _alerted(day: TestDay, kind: str) -> bool:
    return kind in {alarm.kind for alarm in day.alerts.raised}
