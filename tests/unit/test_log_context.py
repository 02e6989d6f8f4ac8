"""Whose work a log line is about stands on the line, whichever library wrote it."""

import asyncio
import io
import json
import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from temporalio import activity
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from adapters.telemetry.log_context import LogContext, ids_of
from domain.order import Attempt, LegKey, OrderStatus, OrderTerms, Reason
from domain.run import EnterOrder, ExitOrder, OffBooksExit, PhaseChange, RunRef
from domain.scheduled_order import ScheduledOrder
from domain.strategy import Phase, Product
from execution.scheduled_orders import ScheduledOrders
from tests.fakes.watch_list import watched
from tests.listener_in_memory import House
from tests.unit.test_executor import KEY, NOW

WHOSE = {"user_id": str(KEY.user_id), "strategy_id": str(KEY.strategy_id)}
ENTRY = EnterOrder(KEY, OrderTerms("NSE", "TCS", Product.CNC), 10, Decimal(3500), NOW)
SALE = ExitOrder(KEY, ENTRY.terms, 10, Reason.SELL, NOW)
REF = RunRef(KEY.strategy_id, KEY.user_id, "strategy-1", "run-1", uuid4())


def told(lines: io.StringIO, event: str) -> dict[str, Any]:
    """Return the only line that says `event`."""
    (found,) = [line for line in map(json.loads, lines.getvalue().splitlines()) if line["event"] == event]
    return dict(found)


@pytest.mark.parametrize(
    "message", [ENTRY, SALE, OffBooksExit(SALE, 1000), REF, PhaseChange(REF, Phase.HOLDING, "bought")]
)
def test_every_message_of_a_run_says_whose_it_is(message: object) -> None:
    assert ids_of(message) == WHOSE


@pytest.mark.parametrize("message", [None, "words", 5])
def test_a_message_about_nobody_binds_nobody(message: object) -> None:
    assert ids_of(message) == {}


def planned(key: LegKey) -> Attempt:
    return Attempt(uuid4(), key, 1, key.tag(1), OrderStatus.PLANNED)


class _Activity(ActivityInboundInterceptor):
    """Runs the function itself, as the worker's last link does."""

    def __init__(self) -> None:
        super().__init__(self)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return await input.fn(*input.args)


async def test_lines_of_an_activity_and_of_what_it_left_running_carry_its_ids(lines: io.StringIO) -> None:
    later: list[asyncio.Task[None]] = []
    go = asyncio.Event()

    async def held() -> None:
        await go.wait()
        logging.getLogger("armed").info("sent at its instant")

    @activity.defn
    async def arm_entry(order: EnterOrder) -> None:
        structlog.get_logger("desk").info("armed")
        later.append(asyncio.create_task(held()))

    async def run() -> None:
        bound = LogContext().intercept_activity(_Activity())
        await bound.execute_activity(ExecuteActivityInput(arm_entry, (ENTRY,), None, {}))
        structlog.get_logger("desk").info("afterwards")

    await ActivityEnvironment().run(run)
    go.set()
    await later[0]
    for event in ("armed", "sent at its instant"):
        line = told(lines, event)
        assert WHOSE.items() <= line.items()
        assert {"run_id", "workflow_id", "activity"} <= line.keys()
    assert "strategy_id" not in told(lines, "afterwards")


async def test_an_order_that_was_taken_over_from_a_dead_worker_says_whose_it_is(lines: io.StringIO) -> None:
    class Fails:
        async def sell_scheduled(self, *_: object) -> None:
            raise RuntimeError

    armed = ScheduledOrders(None, None, Fails(), None, None, "worker")  # type: ignore[arg-type]
    theirs = replace(KEY, strategy_id=UUID(int=7), user_id=UUID(int=8))
    for key in (KEY, theirs):
        armed.take(ScheduledOrder(replace(SALE, key=key), planned(key)))
    for _ in range(10):
        await asyncio.sleep(0)
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["strategy_id"] for line in said] == [str(KEY.strategy_id), str(theirs.strategy_id)]
    assert [line["user_id"] for line in said] == [str(KEY.user_id), str(theirs.user_id)]


async def test_a_stop_that_is_hit_names_its_user_strategy_and_run(lines: io.StringIO) -> None:
    house, one = House(), watched(stop_loss="3500")
    try:
        await house.start(one)
        await house.tick("3400")
    finally:
        await house.end()
    line = told(lines, "stop-loss hit")
    assert (line["user_id"], line["strategy_id"]) == (str(one.user_id), str(one.strategy_id))
    assert (line["run_id"], line["workflow_id"]) == (one.run_id, one.workflow_id)
