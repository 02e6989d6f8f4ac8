"""A new version comes in the middle of a trading day: what has begun ends where it began."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import BIN, Product
from tests.e2e.trader import Trader, soon

ROOT = Path(__file__).parent.parent.parent
DEPLOYMENT = "stopwatch"
pytestmark = [pytest.mark.timeout(300), pytest.mark.proof]


async def temporal(product: Product, *words: str) -> Any:
    """Run the `temporal` command as an operator does; return its JSON."""
    command = [str(BIN / "temporal"), *words, "--address", product.endpoints["temporal"], "-o", "json"]
    ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout) if ended.stdout.strip() else None


async def make_current(product: Product, build_id: str) -> None:
    """Send new runs to a version, once its workers have been seen."""
    named = ("--deployment-name", DEPLOYMENT, "--build-id", build_id)
    for _ in range(60):
        try:
            await temporal(product, "worker", "deployment", "set-current-version", *named, "--yes")
        except AssertionError:
            await asyncio.sleep(0.5)
        else:
            return
    raise AssertionError(f"version {build_id} was not seen")


async def version_of(product: Product, workflow_id: str) -> str:
    told = await temporal(product, "workflow", "describe", "-w", workflow_id)
    info = told["workflowExecutionInfo"]["versioningInfo"]
    return str(info["deploymentVersion"]["buildId"])


def start_worker(product: Product, build_id: str) -> subprocess.Popen[bytes]:
    """Start a worker beside those of the product: the same settings, but for its version."""
    pid = product.endpoints["pids"]["worker"]
    words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    environment = dict(word.split("=", 1) for word in words if "=" in word)
    environment |= {"STOPWATCH_BUILD_ID": build_id, "STOPWATCH_READY_FILE": str(product.home / "second")}
    with (product.home / "second.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "worker.py")],
            cwd=product.home,
            env=environment,
            stdout=log,
            stderr=log,
        )


@asynccontextmanager
async def second_worker(product: Product, build_id: str) -> AsyncIterator[None]:
    """Give the product a second worker, and end it in order."""
    worker = start_worker(product, build_id)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        await asyncio.to_thread(worker.wait, 30)


async def test_a_running_day_ends_with_the_version_that_began_it(home: Path) -> None:
    product = Product.start(home, STOPWATCH_BUILD_ID="one")
    try:
        await product.ready()
        await make_current(product, "one")
        trader = await Trader.signed_up(product)
        buy_at = await soon(2, length=180)
        sell_at = buy_at + timedelta(seconds=30)
        old = await trader.create(buy_at, sell_at)
        old_run = (await trader.start(old))["workflow_id"]
        await trader.until(old, phase="holding")
        async with second_worker(product, "two"):
            await make_current(product, "two")
            buy_at = await soon(2)
            new = await trader.create(buy_at, buy_at + timedelta(seconds=8), symbol="INFY", stop_loss=100)
            new_run = (await trader.start(new))["workflow_id"]
            ended = await trader.until(new, status="stopped")
            assert ended["outcome"] == "sold", ended
            assert (await version_of(product, new_run), await version_of(product, old_run)) == ("two", "one")
            ended = await trader.until(old, status="stopped")
            assert ended["outcome"] == "sold", ended
            assert await version_of(product, old_run) == "one"
            sides = sorted(order["transaction_type"] for order in await trader.ledger())
            assert sides == ["BUY", "BUY", "SELL", "SELL"]
            await trader.http.aclose()
    finally:
        assert await product.end() == 0


ENDLESS = ("stopwatch-reconciler", "stopwatch-notices")


async def until(what: Callable[[], Awaitable[bool]], within: float) -> None:
    """Wait for it, no longer than `within` seconds."""
    async with asyncio.timeout(within):
        while not await what():  # noqa: ASYNC110 - the state is the server's
            await asyncio.sleep(0.3)


async def works_at(product: Product, workflow_id: str, build_id: str) -> bool:
    """Tell whether a run goes on with that version: its last step, and what it has under way."""
    told = await temporal(product, "workflow", "describe", "-w", workflow_id)
    # While it goes over, Temporal names no version of it, or none of its parts.
    version = told["workflowExecutionInfo"].get("versioningInfo", {}).get("deploymentVersion", {})
    return bool(version.get("buildId") == build_id)


def kill_switch(product: Product) -> subprocess.CompletedProcess[str]:
    words = ["on", "--exits", "exit", "--reason", "a test", "--data-dir", "data"]
    return subprocess.run(
        [str(BIN / "stopwatch"), "kill-switch", *words],
        cwd=product.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_what_never_ends_goes_on_when_the_last_worker_of_the_old_version_has_gone(home: Path) -> None:
    """The reconciler and the notices are of no day: they stay with no version."""
    product = Product.start(home, STOPWATCH_BUILD_ID="two")
    try:
        await product.ready()
        async with second_worker(product, "one"):
            await make_current(product, "one")
            for run in ENDLESS:
                await until(partial(works_at, product, run, "one"), 40)
            trader = await Trader.signed_up(product)
            buy_at = await soon(2, length=180)
            left = await trader.create(buy_at, buy_at + timedelta(seconds=150), symbol="INFY", stop_loss=100)
            await trader.start(left)
            await trader.until(left, phase="holding")
            await make_current(product, "two")
        for run in ENDLESS:
            await until(partial(works_at, product, run, "two"), 12)
        buy_at = await soon(2, length=180)
        strategy = await trader.create(buy_at, buy_at + timedelta(seconds=150))
        run = (await trader.start(strategy))["workflow_id"]
        await trader.until(strategy, phase="holding")
        product.temporal("workflow", "terminate", "-w", run)
        ended = await trader.until(strategy, status="stopped")
        assert (ended["outcome"], ended["position"]) == ("terminated", "sold"), ended
        # A day that is pinned to a version without workers hears nothing: it is sold without it.
        said = await asyncio.to_thread(kill_switch, product)
        assert (said.returncode, "could NOT be told" in said.stdout) == (0, False), said.stdout + said.stderr
        assert "1 did not hear and hold nothing" in said.stdout
        assert left in said.stdout
        held = await trader.strategy(left)
        assert (held["status"], held["position"]) == ("running", "sold")
        switch = {"on": True, "exits": "exit", "reason": "a test"}
        answer = (await trader.post("/account/kill-switch", switch)).json()
        assert (answer["selling"], answer["untold"]) == (0, 1)
        # With its workers back it hears, and ends.
        async with second_worker(product, "one"):
            ended = await trader.until(left, status="stopped")
        assert (ended["outcome"], ended["position"]) == ("stopped", "sold"), ended
        await trader.http.aclose()
    finally:
        assert await product.end() == 0
