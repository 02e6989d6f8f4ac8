"""Recorded days replay on today's code: a deploy never breaks a running day."""

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from adapters.temporal.connection import DATA_CONVERTER
from domain.run import RUN_VERSION
from tests.workflow.conftest import HISTORIES
from workflows.sandbox import workflow_runner
from workflows.strategy_run import StrategyRun

RECORDED = sorted(HISTORIES.glob("*/*.json"))


def test_histories_exist_of_every_version() -> None:
    for version in range(1, RUN_VERSION + 1):
        recorded = [path for path in RECORDED if path.parent.name == f"version_{version}"]
        assert len(recorded) >= 15, "tests/histories lacks days: record with pytest --record-histories"


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_recorded_day_replays(path) -> None:  # type: ignore[no-untyped-def]
    history = WorkflowHistory.from_json(path.stem, path.read_text())
    replayer = Replayer(
        workflows=[StrategyRun], data_converter=DATA_CONVERTER, workflow_runner=workflow_runner()
    )
    await replayer.replay_workflow(history)
