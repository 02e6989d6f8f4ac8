"""A listener's surroundings with every part real, and as many listeners as a test wants."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from redis.asyncio import Redis
from sqlalchemy.engine import make_url
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from adapters.postgres.engine import Store
from adapters.redis.runtime_cache import RedisRuntimeCache
from adapters.temporal.connection import DATA_CONVERTER
from domain.strategy import Position, Status
from local.keys import fresh
from migrations.roles import Role, make_roles
from tests.paper_process import PaperProcess
from tests.store_rows import Desk
from tests.valkey_process import ValkeyProcess

ROOT = Path(__file__).resolve().parent.parent
EXIT_WITHIN = 20.0


@dataclass
class House:
    """Everything a listener needs, and the listeners themselves."""

    environment: dict[str, str]
    database: str
    paper: PaperProcess
    client: Client
    valkey: ValkeyProcess
    cache: RedisRuntimeCache
    directory: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: int = 0

    @property
    def log(self) -> Path:
        return self.directory / "log"

    async def start(self) -> subprocess.Popen[bytes]:
        """Start one more listener; return when it is ready."""
        self.started += 1
        ready = self.directory / f"ready-{self.started}"
        process = self._launch(ready)
        await until(lambda: ready.exists() and ready.read_text().startswith("ready"))
        return process

    def _launch(self, ready: Path) -> subprocess.Popen[bytes]:
        environment = {**self.environment, "STOPWATCH_READY_FILE": str(ready)}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "listener"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    async def end(self, process: subprocess.Popen[bytes], how: signal.Signals) -> int:
        self.processes.remove(process)
        process.send_signal(how)
        try:
            return await asyncio.to_thread(process.wait, EXIT_WITHIN)
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

    async def put(self) -> list[dict[str, str]]:
        """Return what the workers' queue holds, oldest first."""
        async with Redis.from_url(self.valkey.url, decode_responses=True) as redis:
            entries: Any = await redis.xrange("queue:orders")
        return [fields for _, fields in entries]

    async def standings(self) -> list[str]:
        """Return how far each living listener is, by age."""
        connection = await asyncpg.connect(self.database)
        try:
            rows = await connection.fetch("SELECT state FROM listeners ORDER BY member")
        finally:
            await connection.close()
        return [row["state"] for row in rows]


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def listener_house(
    database: str, paper: PaperProcess, temporal_binary: str, directory: Path
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
            "STOPWATCH_ENCRYPTION_KEYS": fresh()["STOPWATCH_ENCRYPTION_KEYS"],
            "STOPWATCH_REDIS_URL": valkey.url,
            "STOPWATCH_TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
            "STOPWATCH_KITE_ROOT": paper.url,
            "STOPWATCH_KITE_WS_ROOT": paper.ws_url,
            "STOPWATCH_FEED_API_KEY": feed.api_key,
            "STOPWATCH_FEED_ACCESS_TOKEN": feed.access_token,
        }
        made = House(environment, database, paper, temporal.client, valkey, cache, directory)
        yield made
        for process in list(made.processes):
            with suppress(subprocess.TimeoutExpired):
                await made.end(process, signal.SIGTERM)
    await cache.close()
    valkey.remove()


async def holding(store: Store, house: House, symbol: str = "TCS") -> tuple[Desk, str]:
    """Return a strategy that holds shares, stop at 3,500, and the id of its open run."""
    desk = await Desk.made(store, symbol)
    start = desk.start()
    workflow_id = f"strategy-{desk.strategy.strategy_id}-{start.start.plan.trading_day}"
    handle = await house.client.start_workflow("StrategyRun", id=workflow_id, task_queue="nobody works here")
    ref = replace(start.ref, workflow_id=workflow_id, run_id=handle.first_execution_run_id or "")
    await desk.runs.activate(replace(start, ref=ref))
    await desk.bought()
    await house.cache.load(desk.strategy, Status.RUNNING, Position.BOUGHT)
    return desk, workflow_id
