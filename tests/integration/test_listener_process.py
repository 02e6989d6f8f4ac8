"""`python -m listener` with every part real: from a price at the exchange to the signal in a history."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from adapters.redis_cache import RedisRuntimeCache
from adapters.store.engine import Store
from adapters.temporal import DATA_CONVERTER
from domain.strategy import Position, Status
from migrations.roles import Role, make_roles
from tests.paper_process import PaperProcess
from tests.store_rows import Desk
from tests.valkey_process import ValkeyProcess

ROOT = Path(__file__).resolve().parent.parent.parent
EXIT_WITHIN = 10.0


@dataclass
class House:
    """Everything a listener needs, and the listener itself."""

    environment: dict[str, str]
    paper: PaperProcess
    client: Client
    cache: RedisRuntimeCache
    ready: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.ready.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "listener"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    async def until_ready(self) -> None:
        await until(lambda: self.ready.exists() and self.ready.read_text().startswith("ready"))

    def end(self, how: signal.Signals) -> int:
        process = self.process
        if process is None:
            return 0
        self.process = None
        process.send_signal(how)
        try:
            return process.wait(EXIT_WITHIN)
        finally:
            process.kill()
            process.wait()

    async def signals(self, workflow_id: str) -> list[str]:
        history = await self.client.get_workflow_handle(workflow_id).fetch_history()
        return [
            event.workflow_execution_signaled_event_attributes.signal_name
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        ]


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as paper:
        yield paper


@pytest.fixture
async def house(
    database: str, paper: PaperProcess, temporal_binary: str, tmp_path: Path
) -> AsyncIterator[House]:
    url = make_url(database).set(username=f"listener_{uuid4().hex[:8]}", password="listener's")
    listener_url = url.render_as_string(hide_password=False)
    await make_roles(database, [Role.of("listener", listener_url)])
    valkey = ValkeyProcess()
    await valkey.start()
    feed = paper.account()
    paper.price("TCS", 3600)
    cache = RedisRuntimeCache.connect(valkey.url)
    async with await WorkflowEnvironment.start_local(
        data_converter=DATA_CONVERTER, dev_server_existing_path=temporal_binary
    ) as temporal:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")},
            "STOPWATCH_DATABASE_URL_LISTENER": listener_url,
            "STOPWATCH_REDIS_URL": valkey.url,
            "STOPWATCH_TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
            "STOPWATCH_KITE_ROOT": paper.url,
            "STOPWATCH_KITE_WS_ROOT": paper.ws_url,
            "STOPWATCH_FEED_API_KEY": feed.api_key,
            "STOPWATCH_FEED_ACCESS_TOKEN": feed.access_token,
            "STOPWATCH_READY_FILE": str(tmp_path / "ready"),
        }
        made = House(environment, paper, temporal.client, cache, tmp_path / "ready", tmp_path / "log")
        yield made
        with suppress(subprocess.TimeoutExpired):
            made.end(signal.SIGTERM)
    await cache.close()
    valkey.remove()


async def holding(store: Store, house: House) -> tuple[Desk, str]:
    """Return a strategy that holds shares, stop at 3,500, and the id of its open run."""
    desk = await Desk.made(store)
    start = desk.start()
    workflow_id = f"strategy-{desk.strategy.strategy_id}-{start.start.plan.trading_day}"
    handle = await house.client.start_workflow("StrategyRun", id=workflow_id, task_queue="nobody works here")
    ref = replace(start.ref, workflow_id=workflow_id, run_id=handle.first_execution_run_id or "")
    await desk.runs.activate(replace(start, ref=ref))
    await desk.bought()
    await house.cache.load(desk.strategy, Status.RUNNING, Position.BOUGHT)
    return desk, workflow_id


async def test_price_at_the_stop_becomes_a_signal_in_the_runs_history(store: Store, house: House) -> None:
    house.start()
    await house.until_ready()
    desk, workflow_id = await holding(store, house)

    async def shown() -> bool:
        return bool(await house.cache.last_prices([desk.strategy.strategy_id]))

    await until(shown)
    assert await house.signals(workflow_id) == []
    house.paper.price("TCS", 3500)

    async def signalled() -> bool:
        return await house.signals(workflow_id) == ["STOPLOSS"]

    await until(signalled)
    assert house.end(signal.SIGTERM) == 0
    log = house.log.read_text()
    assert house.environment["STOPWATCH_FEED_ACCESS_TOKEN"] not in log
    assert "Traceback" not in log


async def test_price_that_fell_while_no_listener_lived_is_signalled_by_the_next_one(
    store: Store, house: House
) -> None:
    house.start()
    await house.until_ready()
    assert house.end(signal.SIGKILL) == -signal.SIGKILL
    _, workflow_id = await holding(store, house)
    house.paper.price("TCS", 3450)
    house.start()

    async def signalled() -> bool:
        return "STOPLOSS" in await house.signals(workflow_id)

    await until(signalled)
    assert house.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("STOPWATCH_DATABASE_URL_LISTENER", "STOPWATCH_DATABASE_URL_LISTENER is not set"),
        ("STOPWATCH_REDIS_URL", "STOPWATCH_REDIS_URL is not set"),
        ("STOPWATCH_FEED_ACCESS_TOKEN", "STOPWATCH_FEED_ACCESS_TOKEN belong together"),
    ],
)
def test_missing_setting_is_one_sentence_and_status_two(without: str, said: str, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "STOPWATCH_DATABASE_URL_LISTENER": "postgresql://listener@127.0.0.1:1/none",
        "STOPWATCH_REDIS_URL": "redis://127.0.0.1:1/0",
        "STOPWATCH_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "STOPWATCH_FEED_API_KEY": "key",
        "STOPWATCH_FEED_ACCESS_TOKEN": "token",
    }
    del environment[without]
    ended = subprocess.run(
        [sys.executable, "-m", "listener"], cwd=tmp_path, env=environment, capture_output=True, timeout=60
    )
    assert ended.returncode == 2
    assert said in ended.stderr.decode()
    assert ended.stderr.decode().count("\n") == 1
