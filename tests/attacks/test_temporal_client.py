"""A stranger with a client of Temporal: what they can have the workers do, and what not.

They can: end, cancel and stop runs, and say that a stop was hit at a price that hits it. Each of these is a
stop by contract. They cannot: buy anything, have a strategy sell that does not run, or sell above the stop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pydantic import TypeAdapter
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.testing import WorkflowEnvironment

from adapters.postgres.engine import Store
from adapters.process.clock import SystemClock
from adapters.temporal.connection import DATA_CONVERTER
from domain.order import Leg, LegKey
from domain.run import Adoption, EnterOrder, Release, RunView, StartRun, workflow_id
from domain.strategy import Outcome
from tests.attacks.temporal_desk import Run, TemporalDesk
from tests.store_rows import TERMS, write_start
from tests.workflow.day import in_phase, until
from workflows.client import SYMBOL, USER, TemporalRuns
from workflows.run_failures import UNREADABLE as UNREADABLE_INPUT
from workflows.run_writes import PHASE
from workflows.strategy_run import StrategyRun

Forgery = Callable[[StartRun], StartRun]


@pytest.fixture(scope="module")
async def env(temporal_binary: str) -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_local(
        data_converter=DATA_CONVERTER,
        dev_server_existing_path=temporal_binary,
        search_attributes=[USER, SYMBOL, PHASE],
    ) as started:
        yield started


@pytest.fixture
async def house(env: WorkflowEnvironment, store: Store) -> AsyncIterator[TemporalDesk]:
    made = await TemporalDesk.made(env, store)
    async with made.worker():
        yield made


async def ended(run: Run) -> Any:
    async with asyncio.timeout(60):
        return await run.result()


async def stood_down(house: TemporalDesk, run: Run) -> None:
    view = await ended(run)
    assert (view.bought, view.sold, view.round) == (0, 0, 0)
    assert house.broker.sent == []
    assert house.told == ["foreign_start"]


def junk(data: bytes, encoding: bytes = b"json/plain") -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


UNREADABLE: dict[str, tuple[str, list[Any]]] = {
    "nothing": ("StrategyRun", []),
    "null": ("StrategyRun", [None]),
    "an empty object": ("StrategyRun", [{}]),
    "wrong types": ("StrategyRun", [{"start_id": 7, "strategy": [], "plan": "today"}]),
    "two": ("StrategyRun", [{}, {}]),
    "no JSON": ("StrategyRun", [junk(b"{")]),
    "two that are no JSON": ("StrategyRun", [junk(b"{"), junk(b"\xff")]),
    "bytes": ("StrategyRun", [junk(b"{}", b"binary/plain")]),
    "an unknown encoding": ("StrategyRun", [junk(b"{}", b"stranger/own")]),
    "a check": ("StrategyCheck", [{}]),
    "a login": ("BrokerLogin", []),
    "a reconciler": ("Reconciler", [{"at": "noon"}]),
    "notifications": ("Notices", ["more"]),
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_a_run_with_an_input_that_cannot_be_read_ends_at_once(house: TemporalDesk, kind: str) -> None:
    """Where its workflow task failed instead, it would be tried until somebody terminates it."""
    workflow_type, inputs = UNREADABLE[kind]
    run = await house.client.start_workflow(
        workflow_type,
        args=inputs,
        id=f"strange-{uuid4()}",
        task_queue=house.task_queue,
        execution_timeout=timedelta(minutes=5),
    )
    await failed_unread(house, run)


async def failed_unread(house: TemporalDesk, run: WorkflowHandle[Any, Any]) -> None:
    with pytest.raises(WorkflowFailureError) as failed:
        await ended(run)
    why = failed.value.cause
    assert isinstance(why, ApplicationError)
    assert (why.type, why.non_retryable) == (UNREADABLE_INPUT, True)
    assert not [event for event in (await run.fetch_history()).events if is_failed_task(event)]
    assert house.told == ["foreign_start"]
    assert run.id in house.alerts.raised[0].text
    assert house.broker.sent == []


def is_failed_task(event: HistoryEvent) -> bool:
    return event.HasField("workflow_task_failed_event_attributes")


async def test_a_run_whose_instants_have_no_zone_ends_at_once_whatever_it_is_told(
    house: TemporalDesk,
) -> None:
    """Compared with the time they would break it, in a step that a signal brings."""
    start = house.start()
    naive = TypeAdapter(StartRun).dump_python(start, mode="json")
    naive["plan"]["buy_at"] = "2026-07-01T09:30:00"
    run = await house.client.start_workflow(
        "StrategyRun",
        naive,
        id=workflow_id(start.strategy.strategy_id, start.plan.trading_day),
        task_queue=house.task_queue,
        start_signal="STOPLOSS",
        start_signal_args=[{"price": "1"}],
        execution_timeout=timedelta(minutes=5),
    )
    await failed_unread(house, run)


async def test_a_run_that_cannot_be_read_keeps_no_start_from_its_day(house: TemporalDesk) -> None:
    """Its workflow id is free again at once, for the run that the API begins."""
    start = house.start()
    strange = await house.client.start_workflow(
        "StrategyRun",
        {},
        id=workflow_id(start.strategy.strategy_id, start.plan.trading_day),
        task_queue=house.task_queue,
        execution_timeout=timedelta(minutes=5),
    )
    await failed_unread(house, strange)
    run = await house.begun(start, written=True)
    async with asyncio.timeout(60):
        await in_phase(run, "holding")
    await run.cancel()
    with pytest.raises(WorkflowFailureError):
        await ended(run)


async def holding(house: TemporalDesk) -> tuple[StartRun, Run]:
    start = house.start()
    run = await house.begun(start, written=True)
    async with asyncio.timeout(60):
        await in_phase(run, "holding")
    return start, run


async def test_a_strategy_that_was_only_created_is_not_traded(house: TemporalDesk) -> None:
    strategy = replace(house.desk.strategy, symbol="INFY", quantity=500)
    await stood_down(house, await house.begun(house.start(strategy=strategy)))
    assert (await house.desk.row()).status == "created"
    assert await house.desk.lines() == []


def terms(**changes: Any) -> Forgery:
    return lambda start: replace(start, strategy=replace(start.strategy, **changes))


def plan(**changes: timedelta) -> Forgery:
    def moved(start: StartRun) -> StartRun:
        new = {name: getattr(start.plan, name) + by for name, by in changes.items()}
        return replace(start, plan=replace(start.plan, **new))

    return moved


FORGERIES: dict[str, Forgery] = {
    "symbol": terms(symbol="INFY"),
    "quantity": terms(quantity=500),
    "stop": terms(stop_loss=Decimal(1)),
    "user": terms(user_id=uuid4()),
    "account": lambda start: replace(start, account="zerodha:XY9999"),
    "no account": lambda start: replace(start, account=""),
    "buys now": plan(buy_at=-timedelta(seconds=1)),
    "sells later": plan(sell_at=timedelta(minutes=10)),
    "of no START": lambda start: replace(start, start_id=uuid4()),
    "sells only": lambda start: replace(start, sell_only=True),
    "keeps": lambda start: replace(start, release=Release.KEEP),
    "adopts another's": lambda start: replace(start, start_id=uuid4(), adopted=Adoption.TERMINATED),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
async def test_a_written_start_is_traded_in_no_other_way(house: TemporalDesk, forge: Forgery) -> None:
    """Before the API's own run has begun: the stranger is first, under the very id of that run."""
    start = house.start(buy_in=30)
    await write_start(house.store, start)
    await stood_down(house, await house.begun(forge(start)))


async def test_what_an_exit_could_not_sell_is_sold_for_its_user_alone(house: TemporalDesk) -> None:
    """A START that has ended with shares left: a run that claims to adopt it sells nothing of them."""
    start, run = await holding(house)
    await run.terminate("by the stranger")
    await house.left_over()
    house.broker.sent.clear()
    house.alerts.raised.clear()
    for adopted in Adoption:
        await stood_down(house, await house.begun(replace(start, adopted=adopted)))
        house.alerts.raised.clear()
    row = await house.desk.row()
    assert (row.status, row.position, row.bought_quantity) == ("stopped", "bought", 10)


async def test_an_order_of_their_own_is_not_bought_past_a_run(house: TemporalDesk) -> None:
    start = house.start(buy_in=30)
    run = await house.begun(start, written=True)
    async with asyncio.timeout(30):
        await until_begun(house)
    key = LegKey(start.strategy.strategy_id, start.strategy.user_id, start.plan.trading_day, 1, Leg.ENTRY)
    order = EnterOrder(key, TERMS, 10, Decimal(1), start.plan.buy_at)
    forged = {
        "another round": replace(order, key=replace(key, round=7)),
        "more": replace(order, key=replace(key, round=8), quantity=500),
        "sooner": order,
    }
    for name, one in forged.items():
        now = SystemClock().now()
        entered = await house.planted("enter", replace(one, due_at=now + timedelta(seconds=1)))
        assert (entered["filled"], entered["outcome"]) == (0, Outcome.SKIPPED.value), (name, entered)
    assert house.broker.sent == []
    assert set(house.told) == {"foreign_start"}
    await run.cancel()


async def until_begun(house: TemporalDesk) -> None:
    async def running() -> bool:
        return (await house.desk.row()).status == "running"

    await until(running)


async def test_a_forged_stop_loss_above_the_stop_sells_nothing(house: TemporalDesk) -> None:
    _, run = await holding(house)
    stop = house.desk.strategy.stop_loss or Decimal(0)
    for odd in ({"price": str(stop + Decimal("0.05"))}, {"price": "NaN"}, {"price": 0}, {}, None, [1], "x"):
        await run.signal("STOPLOSS", odd)
    await run.signal("SOLD", {"sold": 10})
    await run.signal("SELL", "now")
    await asyncio.sleep(2)
    view = await run.query(StrategyRun.view)
    assert (view.phase, view.held) == ("holding", 10)
    assert len(house.broker.sent) == 1
    await run.signal("STOPLOSS", {"price": str(stop)})
    assert (await ended(run)).outcome is Outcome.STOP_LOSS


async def test_who_cancels_or_stops_a_run_has_stopped_it_as_its_owner_would(house: TemporalDesk) -> None:
    """By contract: each sells by on_stop what is held, and no more."""
    _, run = await holding(house)
    await run.cancel()
    with pytest.raises(WorkflowFailureError):
        await ended(run)
    assert [order.quantity for order in house.broker.sent] == [10, 10]
    assert (await house.desk.row()).outcome == "cancelled"


async def test_a_copied_start_buys_nothing_a_second_time(house: TemporalDesk) -> None:
    start, run = await holding(house)
    with pytest.raises(WorkflowAlreadyStartedError):
        await house.begun(start)
    await stood_down_copy(house, await house.begun(start, name=f"copied-{uuid4()}"))
    await run.cancel()
    with pytest.raises(WorkflowFailureError):
        await ended(run)
    house.broker.sent.clear()
    house.alerts.raised.clear()
    await stood_down(house, await house.begun(start))


async def stood_down_copy(house: TemporalDesk, run: Run) -> None:
    view = await ended(run)
    assert (view.bought, view.round) == (0, 0)
    assert len(house.broker.sent) == 1


async def test_users_take_turns_in_the_task_queue_and_sales_come_first(house: TemporalDesk) -> None:
    start = house.start()
    await write_start(house.store, start)
    await TemporalRuns(house.client, house.task_queue).start(start)
    name = workflow_id(start.strategy.strategy_id, start.plan.trading_day)
    run: Run = house.client.get_workflow_handle(name, result_type=RunView)
    async with asyncio.timeout(60):
        await in_phase(run, "holding")
    await run.signal("STOPLOSS", {"price": "1"})
    await ended(run)
    events = (await run.fetch_history()).events
    began = events[0].workflow_execution_started_event_attributes
    assert began.priority.fairness_key == str(start.strategy.user_id)
    scheduled = [
        (found.activity_type.name, found.priority.priority_key)
        for event in events
        if (found := event.activity_task_scheduled_event_attributes).activity_type.name
    ]
    first = {name for name, priority in scheduled if priority == 1}
    assert first == {"exit"}
    assert {"arm_entry", "enter"} <= {name for name, priority in scheduled if priority != 1}
