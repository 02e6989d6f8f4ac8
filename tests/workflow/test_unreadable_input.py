"""An input that cannot be read ends a run before it begins; a day that is under way it never ends."""

import json
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError, _Definition

from adapters.temporal.connection import DATA_CONVERTER
from domain.reconciler import Looked
from tests.workflow.conftest import HISTORIES
from workflows.reconciler import Reconciler
from workflows.sandbox import fast_runner
from workflows.strategy_run import StrategyRun
from workflows.unreadable_input import why_unreadable

DAYS = sorted(HISTORIES.glob("*/sold_at_sell_time.json"))


@pytest.mark.parametrize("path", DAYS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("inputs", [{}, {"payloads": [{"metadata": {"encoding": "anVuaw=="}, "data": ""}]}])
async def test_a_day_with_a_history_waits_for_a_worker_that_reads_its_input(path, inputs: Any) -> None:  # type: ignore[no-untyped-def]
    """Another version of the code may not read it: its task fails, and nothing of the day is lost."""
    history = json.loads(path.read_text())
    history["events"][0]["workflowExecutionStartedEventAttributes"]["input"] = inputs
    replayer = Replayer(workflows=[StrategyRun], data_converter=DATA_CONVERTER, workflow_runner=fast_runner())
    result = await replayer.replay_workflow(
        WorkflowHistory.from_json("a day", json.dumps(history)), raise_on_replay_failure=False
    )
    assert isinstance(result.replay_failure, NondeterminismError)


@pytest.mark.parametrize("inputs", [[], [None], [{"at": "2026-07-01T09:15:00+05:30"}]])
def test_a_workflow_that_needs_no_input_is_begun_without(inputs: list[Any]) -> None:
    definition = _Definition.must_from_class(Reconciler)
    converter = DATA_CONVERTER.payload_converter
    payloads: list[Payload] = list(converter.to_payloads(inputs))
    assert why_unreadable(definition, payloads, converter) is None
    assert definition.arg_types == [Looked | None]
