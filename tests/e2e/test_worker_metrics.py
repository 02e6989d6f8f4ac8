"""A worker of a real deployment serves its numbers, Temporal's, and how its parts are."""

import asyncio
import math
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from local.keys import kept_in
from local.roles import role_urls
from tests.e2e.product import Product, free_port
from tests.e2e.trader import Trader, soon
from tests.listener_house import until
from tests.unit.test_observability import DESK, expressions, named

ROOT = DESK.parent.parent
WAITS = "temporal_workflow_task_schedule_to_start_latency_seconds"
ONCE_IT_HAPPENS = "temporal_request_failure"
"""Not there before the first failure."""


def environment(product: Product, **settings: str) -> dict[str, str]:
    """Return what a worker is told that joins a running product."""
    keys = kept_in(product.home / "data" / "secrets")
    where = product.endpoints
    told = {
        "DATABASE_URL_WORKER": role_urls(where["postgres"], keys.database_passwords)["DATABASE_URL_WORKER"],
        "REDIS_URL": where["redis"],
        "TEMPORAL_ADDRESS": where["temporal"],
        "ENCRYPTION_KEYS": keys.encryption_keys,
        "KITE_ROOT": where["paper"],
        "KITE_WS_ROOT": where["paper_ws"],
        "CALENDAR": "always-open",
        **settings,
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
    return clean | {f"STOPWATCH_{name}": value for name, value in told.items()}


def launched(told: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "worker"]
    with log.open("wb") as output:
        return subprocess.Popen(command, cwd=ROOT, env=told, stdout=output, stderr=output)


@asynccontextmanager
async def worker(product: Product, log: Path, **settings: str) -> AsyncIterator[None]:
    """Have one more worker, which works until the test is over."""
    ready = log.with_suffix(".ready")
    process = launched(environment(product, READY_FILE=str(ready), **settings), log)
    try:
        await until(ready.exists)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        status = await _ended(process)
        assert status == 0, await asyncio.to_thread(log.read_text)


async def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """Return the status with which it ended, or kill it and return None."""
    try:
        return await asyncio.to_thread(process.wait, 25)
    except subprocess.TimeoutExpired:
        process.kill()
        return None


async def page(port: int, path: str) -> str:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        assert answer.status == 200
        return await answer.text()


def values(text: str) -> dict[str, float]:
    """Return each family of a page with the sum of its samples."""
    return {
        family.name: sum(sample.value for sample in family.samples)
        for family in text_string_to_metric_families(text)
    }


async def test_a_worker_counts_what_it_sends_and_serves_what_the_rules_ask_for(
    product: Product, trader: Trader, tmp_path: Path
) -> None:
    ours, temporals = free_port(), free_port()
    async with worker(
        product, tmp_path / "worker.log", METRICS_PORT=str(ours), TEMPORAL_METRICS_PORT=str(temporals)
    ):
        assert await page(ours, "/health/ready") == '{"status": "ok"}'
        buy_at = await soon(8, length=180)
        # Two workers share them: one of ten comes this worker's way.
        for _ in range(10):
            await trader.start(await trader.create(buy_at, buy_at + timedelta(seconds=90), quantity=1))

        async def served() -> tuple[dict[str, float], dict[str, float]]:
            return values(await page(ours, "/metrics")), values(await page(temporals, "/metrics"))

        found, of_temporal = await trader.eventually(
            served, lambda pages: pages[0]["stopwatch_order_lateness_seconds"] > 0 and WAITS in pages[1]
        )
    assert found["stopwatch_part_up"] == 3
    assert found["stopwatch_orders"] > 0
    assert found["stopwatch_desk_read_timestamp_seconds"] > 0
    assert not math.isnan(found["stopwatch_positions_left"])
    asked = set().union(*map(named, expressions())) - {ONCE_IT_HAPPENS}
    process = {name.removesuffix("_total") for name in asked if name.startswith("process_")}
    assert process <= found.keys()
    assert {name for name in asked if name.startswith("temporal_")} <= of_temporal.keys()
