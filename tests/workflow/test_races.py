"""Stops, sales and orders at one time: one entry, one exit that counts, an end that says what happened."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.order import Reason, Side
from domain.strategy import Outcome, Position
from domain.terms import Entry, EntryKind, Terms
from tests.fakes.broker import Answer
from tests.workflow.day import TestDay, until, worker_for
from tests.workflow.one_step import SlowSteps
from tests.workflow.pause import paused_at
from tests.workflow.races import (
    DEEPER,
    HIT,
    NOW,
    UNTIL_SELL_TIME,
    WAKES_LAST,
    Record,
    all_asked,
    ended,
    holding,
    order_is_called_off,
    past,
    sent,
    stopped_out_and_after,
    traded,
)
from workflows.client import TemporalOpenRuns
from workflows.strategy_run import StrategyRun

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
        await until(lambda: order_is_called_off(run))
        day.broker.holds[Side.BUY].set()
        finish = await ended(day, run, record if answer is Answer.HALF else None)
        await asyncio.gather(*answers)
    assert traded(day) == (filled, filled)
    with_shares, with_none, reason = LEAVING[way]
    assert finish.outcome is (with_shares if filled else with_none), finish
    exits = [row.reason for row in day.log.rows.values() if row.key.leg == "exit" and row.filled_quantity]
    assert exits == ([reason] if filled else [])


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("STOP", "stopped by the user before anything was bought; the open order at 3450.00 was cancelled"),
        (
            "cancel",
            "cancelled from outside before anything was bought; the open order at 3450.00 was cancelled",
        ),
        (
            "operator",
            "the operator's kill switch stopped it before anything was bought; the open order at 3450.00 was",
        ),
        (
            "STOPLOSS",
            "the price was 3399.95, at or below the stop 3400.00, before anything was bought; the open",
        ),
    ],
)
async def test_an_open_limit_ends_as_what_cut_it_short(
    env: WorkflowEnvironment, way: str, words: str
) -> None:
    day = TestDay()
    limit = Entry(EntryKind.LIMIT, Decimal(3450), for_seconds=200)
    day.strategy = replace(day.strategy, terms=Terms(entry=limit))
    with paused_at("entry.answered") as pause:
        async with worker_for(env, day):
            run = await day.start(env, buy_in=NOW)
            await pause.reached.wait()
            answers = await all_asked(run, day, (way,))
            await pause.called_off.wait()
            pause.go.set()
            finish = await ended(day, run)
            await asyncio.gather(*answers)
    assert traded(day) == (0, 0)
    _, outcome, _ = LEAVING["STOP" if way == "operator" else way]
    assert (finish.outcome, finish.detail[: len(words)]) == (outcome, words)


@workflow.defn(name="StrategyRun")
class OlderRun:
    """A run of a build that knows of no operator, as far as it is told to stop."""

    def __init__(self) -> None:
        self.told: object = None

    @workflow.run
    async def run(self) -> object:
        await workflow.wait_condition(lambda: self.told is not None)
        return self.told

    @workflow.update(name="stop")
    async def stop(self, message: Any) -> None:
        self.told = message


async def test_a_run_of_an_older_build_is_stopped_though_it_cannot_be_told_by_whom(
    env: WorkflowEnvironment,
) -> None:
    queue = f"older-{uuid4()}"
    async with Worker(
        env.client, task_queue=queue, workflows=[OlderRun], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        run = await env.client.start_workflow(OlderRun.run, id=queue, task_queue=queue)
        assert run.result_run_id is not None
        async with asyncio.timeout(20):
            assert await TemporalOpenRuns(env.client, queue).sell(run.id, run.result_run_id, by_operator=True)
            assert await run.result() == {"on_stop": "exit", "limit": None}


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
            await until(lambda: past(env, sells_at - timedelta(seconds=1)))
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
        await until(lambda: order_is_called_off(run))
        day.broker.holds[Side.SELL].set()
        finish = await ended(day, run)
        views = await asyncio.gather(*answers)
    assert traded(day) == (10, 10)
    assert (finish.outcome, finish.position) == (Outcome.STOPPED, Position.SOLD)
    assert {view.outcome for view in views} == {Outcome.STOPPED}
