"""Two listeners: whichever dies or comes back, a stop is one exit."""

import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

SYMBOLS = ("TCS", "INFY", "SBIN", "RELIANCE", "ITC", "LT")


@pytest.fixture(scope="module")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    running = Product.start(tmp_path_factory.mktemp("two"), "--listeners", "2")
    try:
        yield await running.ready()
    finally:
        await running.end()


async def test_each_stop_crossed_during_a_handover_is_exactly_one_exit(two: Product) -> None:
    trader = await Trader.signed_up(two)
    buy_at = await soon(3, length=240)
    strategies = {}
    for symbol in SYMBOLS:
        await two.paper("/_paper/price", symbol=symbol, price=1400)
        strategies[symbol] = await trader.create(
            buy_at, buy_at + timedelta(seconds=200), symbol=symbol, stop_loss=1380, quantity=1
        )
        await trader.start(strategies[symbol])
    for strategy_id in strategies.values():
        await trader.until(strategy_id, phase="holding")

    before = two.endpoints["pids"]["listener"]
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    for symbol in SYMBOLS[:3]:
        await two.paper("/_paper/price", symbol=symbol, price=1370)

    async def listeners() -> list[int]:
        found: list[int] = two.endpoints["pids"]["listener"]
        return found

    await trader.eventually(listeners, lambda pids: len(pids) == 2 and before[0] not in pids)
    for symbol in SYMBOLS[3:]:
        await two.paper("/_paper/price", symbol=symbol, price=1370)
    for symbol, strategy_id in strategies.items():
        ended = await trader.until(strategy_id, status="stopped")
        assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), (symbol, ended)
    sides = [(order["tradingsymbol"], order["transaction_type"]) for order in await trader.ledger()]
    assert sorted(sides) == sorted((symbol, side) for symbol in SYMBOLS for side in ("BUY", "SELL"))
    await trader.http.aclose()


def test_nothing_of_a_hand_over_is_left_when_the_product_is_up(two: Product) -> None:
    log = Path(two.home / "data" / "logs")
    assert not [path for path in log.glob("listener*") if "Traceback" in path.read_text(errors="replace")]
