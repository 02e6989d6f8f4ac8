"""Two listeners as processes: one is killed, one joins, and every stop is hit all the same."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.postgres.engine import Store
from tests.listener_house import House, holding, listener_house, until
from tests.paper_process import PaperProcess

SYMBOLS = ("TCS", "INFY", "SBIN", "RELIANCE", "HDFCBANK", "ICICIBANK", "ITC", "LT")


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


async def held(store: Store, house: House) -> dict[str, str]:
    """Return the open run of each symbol, whose strategy holds shares at 3,600 with a stop at 3,500."""
    for symbol in SYMBOLS:
        house.paper.price(symbol, 3600)
    return {symbol: (await holding(store, house, symbol))[1] for symbol in SYMBOLS}


async def all_ready(house: House, count: int) -> None:
    """Wait until so many listeners have a price for every stop they watch."""

    async def ready() -> bool:
        return await house.standings() == ["ready"] * count

    await until(ready)


async def all_signalled(house: House, runs: dict[str, str]) -> None:
    async def signalled() -> bool:
        return all([bool(await house.signals(run)) for run in runs.values()])

    await until(signalled)


async def test_stops_of_a_killed_listener_are_hit_by_the_other(store: Store, house: House) -> None:
    runs = await held(store, house)
    await house.start()
    second = await house.start()
    await all_ready(house, 2)
    await asyncio.sleep(4)  # until each has given up what the other watches
    await house.end(second, signal.SIGKILL)
    for symbol in SYMBOLS:
        house.paper.price(symbol, 3450)
    await all_signalled(house, runs)


async def test_stop_crossed_at_any_moment_of_a_handover_is_hit(store: Store, house: House) -> None:
    runs = await held(store, house)
    first = await house.start()
    await all_ready(house, 1)
    joining = asyncio.create_task(house.start())
    for symbol in SYMBOLS[:4]:
        house.paper.price(symbol, 3450)
        house.paper.price(symbol, 3600)
        await asyncio.sleep(0.7)
    await joining
    await all_ready(house, 2)
    leaving = asyncio.create_task(house.end(first, signal.SIGTERM))
    for symbol in SYMBOLS[4:]:
        house.paper.price(symbol, 3450)
        house.paper.price(symbol, 3600)
        await asyncio.sleep(0.7)
    assert await leaving == 0
    await all_signalled(house, runs)
    assert "Traceback" not in house.log.read_text()
