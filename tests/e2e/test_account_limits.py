"""The limits of an account's day on the running product: from a price at the exchange to the last sale."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import INDIA, Trader, soon

pytestmark = [pytest.mark.usefixtures("steady"), pytest.mark.proof]


@pytest.fixture
async def steady(product: Product) -> AsyncIterator[None]:
    """TCS and INFY at prices that move by a test's word only."""
    for symbol, price in (("TCS", 3550), ("INFY", 1500)):
        await product.paper("/_paper/price", symbol=symbol, price=price)
    yield
    await product.paper("/_paper/price", symbol="TCS", price=3550)


async def limit(trader: Trader, **limits: object) -> dict[str, Any]:
    answer = await trader.http.put("/account/limits", json=limits)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def price(trader: Trader, at: float) -> None:
    await trader.product.paper("/_paper/price", symbol="TCS", price=at)


async def bought(trader: Trader, *symbols: str) -> list[str]:
    """Start a strategy of ten shares for each symbol; return their ids when all hold."""
    buy_at = await soon(4, length=240)
    ids = [
        await trader.create(
            buy_at, buy_at + timedelta(seconds=180), symbol=symbol, product="MIS", stop_loss=100
        )
        for symbol in symbols
    ]
    for one in ids:
        await trader.start(one)
    for one in ids:
        await trader.until(one, phase="holding")
    return ids


async def waiting(trader: Trader, seconds: float, symbol: str = "INFY") -> str:
    """Start a strategy that buys in so many seconds."""
    buy_at = await soon(seconds, length=240)
    strategy_id = await trader.create(
        buy_at, buy_at + timedelta(seconds=60), symbol=symbol, product="MIS", stop_loss=100
    )
    await trader.start(strategy_id)
    return strategy_id


async def sales(trader: Trader) -> list[str]:
    return [order["tradingsymbol"] for order in await trader.ledger() if order["transaction_type"] == "SELL"]


async def test_open_loss_at_the_limit_sells_everything_once_and_bars_the_day(trader: Trader) -> None:
    shown = await limit(trader, daily_loss=500, on_breach="exit")
    assert (shown["limits"]["daily_loss"], shown["limits"]["on_breach"]) == (500, "exit")
    assert shown["breach"] is None
    held = await bought(trader, "TCS", "INFY")
    later = await waiting(trader, 60)
    await price(trader, 3520)  # 300 rupees lost: nothing follows
    await asyncio.sleep(3)
    assert (await trader.get("/account"))["breach"] is None
    await price(trader, 3480)
    for one in (*held, later):
        ended = await trader.until(one, status="stopped")
        assert ended["position"] == ("none" if one == later else "sold"), ended
        assert ended["outcome"] == "stopped", ended
    assert sorted(await sales(trader)) == ["INFY", "TCS"]
    breach = (await trader.get("/account"))["breach"]
    assert (breach["limit"], breach["value"], breach["on_breach"]) == ("daily_loss", 500, "exit")
    assert breach["net"] <= -500
    assert date.fromisoformat(breach["until"]) > datetime.now(INDIA).date()
    lines = (await trader.get(f"/strategy/{held[0]}/timeline"))["items"]
    assert any("limit for a day's loss" in line["text"] for line in lines)
    shown = await limit(trader, daily_loss=1_000_000)
    assert shown["breach"] is not None
    barred = await waiting(trader, 4)
    ended = await trader.until(barred, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("skipped", "none"), ended
    assert "until the next trading day" in ended["outcome_detail"]


@pytest.mark.parametrize("part", ["worker", "postgres"])
async def test_sales_of_a_breach_outlive_a_killed_part(product: Product, trader: Trader, part: str) -> None:
    await limit(trader, daily_loss=500, on_breach="exit")
    held = await bought(trader, "TCS", "INFY")
    await price(trader, 3450)
    await asyncio.sleep(0.7)
    pids = product.endpoints["pids"][part]
    for pid in pids if isinstance(pids, list) else [pids]:
        os.kill(pid, signal.SIGKILL)
    for one in held:
        ended = await trader.until(one, status="stopped")
        assert (ended["outcome"], ended["position"]) == ("stopped", "sold"), ended
    assert sorted(await sales(trader)) == ["INFY", "TCS"]


async def test_trades_of_a_day_are_those_of_the_account(trader: Trader) -> None:
    await limit(trader, trades_a_day=1)
    buy_at = await soon(5, length=240)
    ids = [
        await trader.create(
            buy_at, buy_at + timedelta(seconds=20), symbol=symbol, product="MIS", stop_loss=100
        )
        for symbol in ("TCS", "INFY")
    ]
    for one in ids:
        await trader.start(one)
    ended = [await trader.until(one, status="stopped") for one in ids]
    assert sorted(one["outcome"] for one in ended) == ["skipped", "sold"], ended
    (barred,) = [one for one in ended if one["outcome"] == "skipped"]
    assert "1 trades" in barred["outcome_detail"]
    assert (await trader.get("/account"))["breach"]["limit"] == "trades_a_day"
