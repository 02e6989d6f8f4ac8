"""Everything of the product is dead while prices fall through all stops: the exchange sells, once."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

pytestmark = pytest.mark.proof

SYMBOLS = ("TCS", "INFY", "SBIN", "ITC", "WIPRO", "NTPC", "ONGC", "RELIANCE")
USERS = 25
HIGH, STOP, LOW = 1500, 1450, 1440
ALL_WITHIN = 120
OURS = ("api", "worker", "listener", "temporal", "redis", "postgres")


async def prices(product: Product, price: float) -> None:
    for symbol in SYMBOLS:
        await product.paper("/_paper/price", symbol=symbol, price=price)


async def started(trader: Trader, buy_at: Any) -> list[str]:
    terms = {"product": "MIS", "protect": "exchange", "stop_loss": STOP}
    ids = [
        await trader.create(buy_at, buy_at + timedelta(seconds=600), symbol=symbol, **terms)
        for symbol in SYMBOLS
    ]
    for one in ids:
        await trader.start(one)
    return ids


async def orders(product: Product, side: str) -> list[dict[str, Any]]:
    return [row for row in await product.paper("/_paper/ledger") if row["transaction_type"] == side]


async def until(product: Product, side: str, status: str, count: int) -> None:
    """Wait until so many orders of a side are in a status at the exchange."""
    states: Counter[str] = Counter()
    for _ in range(ALL_WITHIN * 2):
        states = Counter(row["status"] for row in await orders(product, side))
        if states[status] >= count:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"{side}: {states}\n{product.terminal}")


def kill_all(product: Product) -> None:
    """Kill every part that is not the exchange; who would start them again stands still."""
    os.kill(product.process.pid, signal.SIGSTOP)
    for part in OURS:
        os.kill(product.endpoints["pids"][part], signal.SIGKILL)


async def ended(traders: Sequence[tuple[Trader, list[str]]]) -> list[dict[str, Any]]:
    return [await trader.until(one, status="stopped") for trader, strategies in traders for one in strategies]


@pytest.mark.timeout(540)
async def test_two_hundred_positions_are_sold_once_though_nothing_of_ours_lives(home: Path) -> None:
    product = Product.start(home)
    try:
        await product.ready()
        await prices(product, HIGH)
        people = [await Trader.signed_up(product) for _ in range(USERS)]
        buy_at = await soon(40, length=500)
        traders = [(trader, await started(trader, buy_at)) for trader in people]
        await until(product, "SELL", "TRIGGER PENDING", USERS * len(SYMBOLS))

        kill_all(product)
        await prices(product, LOW)
        await until(product, "SELL", "COMPLETE", USERS * len(SYMBOLS))
        os.kill(product.process.pid, signal.SIGCONT)

        days = await ended(traders)
        assert {(day["outcome"], day["position"]) for day in days} == {("stop_loss", "sold")}
        assert {day["exit_price"] for day in days} <= _sold_at(await orders(product, "SELL"))
        bought: Counter[tuple[str, str]] = Counter()
        sold: Counter[tuple[str, str]] = Counter()
        for row in await orders(product, "BUY"):
            bought[row["user_id"], row["tradingsymbol"]] += row["filled_quantity"]
        for row in await orders(product, "SELL"):
            sold[row["user_id"], row["tradingsymbol"]] += row["filled_quantity"]
        assert sold == bought
        assert len(sold) == USERS * len(SYMBOLS)
    finally:
        os.kill(product.process.pid, signal.SIGCONT)
        await product.end()


def _sold_at(rows: Sequence[dict[str, Any]]) -> set[float]:
    return {row["average_price"] for row in rows}
