"""`python -m listener` with every part real: from a price at the exchange to the signal in a history."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from adapters.postgres.engine import Store
from local.keys import fresh
from tests.e2e.product import free_port
from tests.listener_house import ROOT, House, holding, listener_house, until
from tests.paper_process import PaperProcess


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as paper:
        yield paper


@pytest.fixture
async def house(
    database: str, paper: PaperProcess, temporal_binary: str, tmp_path: Path
) -> AsyncIterator[House]:
    async with listener_house(database, paper, temporal_binary, tmp_path) as house:
        yield house


async def test_price_at_the_stop_becomes_a_signal_in_the_runs_history(store: Store, house: House) -> None:
    listener = await house.start()
    desk, workflow_id = await holding(store, house)

    async def shown() -> bool:
        return bool(await house.cache.last_prices([desk.strategy.strategy_id]))

    await until(shown)
    assert await house.signals(workflow_id) == []
    house.paper.price("TCS", 3500)

    async def signalled() -> bool:
        return await house.signals(workflow_id) == ["STOPLOSS"]

    await until(signalled)
    stop = {"strategy_id": str(desk.strategy.strategy_id), "event": "STOPLOSS"}
    assert any(stop.items() <= event.items() and event["mac"] for event in await house.put())
    assert await house.end(listener, signal.SIGTERM) == 0
    log = house.log.read_text()
    assert house.environment["STOPWATCH_FEED_ACCESS_TOKEN"] not in log
    assert "Traceback" not in log


async def test_a_listener_serves_its_numbers_and_whether_it_is_well(store: Store, house: House) -> None:
    port = free_port()
    house.environment["STOPWATCH_METRICS_PORT"] = str(port)
    listener = await house.start()
    await holding(store, house)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

        async def watched() -> bool:
            return "stopwatch_stops_watched 1.0" in (await http.get("/metrics")).text

        await until(watched)
        assert "stopwatch_feeds_stale 0.0" in (await http.get("/metrics")).text
        assert (await http.get("/health/ready")).json() == {"status": "ok"}
    assert await house.end(listener, signal.SIGTERM) == 0


async def test_price_that_fell_while_no_listener_lived_is_signalled_by_the_next_one(
    store: Store, house: House
) -> None:
    listener = await house.start()
    assert await house.end(listener, signal.SIGKILL) == -signal.SIGKILL
    _, workflow_id = await holding(store, house)
    house.paper.price("TCS", 3450)
    listener = await house.start()

    async def signalled() -> bool:
        return "STOPLOSS" in await house.signals(workflow_id)

    await until(signalled)
    assert await house.end(listener, signal.SIGINT) == 0


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
        "STOPWATCH_ENCRYPTION_KEYS": fresh()["STOPWATCH_ENCRYPTION_KEYS"],
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
