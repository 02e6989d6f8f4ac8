"""The server, the search attributes and the recording of the workflow tests."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.testing import WorkflowEnvironment

from domain.run import RUN_VERSION
from tests.workflow.day import Run

HISTORIES = Path(__file__).parent.parent / "histories"
ATTRIBUTES = ("StopwatchUser", "StopwatchSymbol", "StopwatchPhase")


@pytest.fixture(scope="session")
async def env(time_skipping: WorkflowEnvironment) -> WorkflowEnvironment:
    """The time-skipping server with our search attributes."""
    return await with_attributes(time_skipping)


async def with_attributes(server: WorkflowEnvironment) -> WorkflowEnvironment:
    """Give a server our search attributes: without them every start fails."""
    await server.client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=server.client.namespace,
            search_attributes=dict.fromkeys(ATTRIBUTES, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
        )
    )
    return server


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[Run], Awaitable[None]]:
    """Write the run's history under the test's name when `--record-histories` is given."""

    async def write(run: Run) -> None:
        if not request.config.getoption("--record-histories"):
            return
        history = await run.fetch_history()
        name = request.node.name.removeprefix("test_").replace("[", "-").rstrip("]")
        # Stack traces name files: none of this machine's paths goes into the repository.
        told = history.to_json().replace(f"{HISTORIES.parent.parent}/", "")
        here = HISTORIES / f"version_{RUN_VERSION}"
        here.mkdir(exist_ok=True)
        (here / f"{name}.json").write_text(told)

    return write
