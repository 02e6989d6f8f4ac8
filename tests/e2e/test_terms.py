"""Stops from the fill, targets, trailing stops and locks, from REST to the exchange and back."""

import asyncio
import os
import signal
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

pytestmark = pytest.mark.usefixtures("calm")
Answer = dict[str, Any]


async def holding(trader: Trader, lasts: float = 180, **terms: object) -> tuple[str, Answer]:
    """Bring a strategy with these terms to where it holds, and its stop stands; return its id and answer."""
    buy_at = await soon(3, length=lasts + 20)
    words = {"product": "MIS", "stop_loss": None} | terms
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=lasts), **words)
    await trader.start(strategy_id)
    held = await trader.until(strategy_id, phase="holding")
    assert held["stop_price"] is not None, held
    return strategy_id, held


async def price(trader: Trader, at: float) -> None:
    await trader.product.paper("/_paper/price", symbol="TCS", price=at)


async def until_stop_at(trader: Trader, strategy_id: str, at: float) -> Answer:
    return await trader.until(strategy_id, stop_price=at)


async def exit_of(trader: Trader, strategy_id: str) -> Answer:
    """Return the one sale of a strategy."""
    orders = (await trader.get(f"/strategy/{strategy_id}/orders"))["items"]
    (sale,) = [order for order in orders if order["leg"] == "exit"]
    return dict(sale)


async def test_a_target_from_the_fill_sells_once_and_says_so(trader: Trader) -> None:
    strategy_id, held = await holding(trader, stop={"percent": 1}, target={"points": 30})
    entry = held["entry_price"]
    assert held["stop_loss"] is None
    assert held["target_price"] == pytest.approx(entry + 30, abs=0.1)
    assert held["stop_price"] == pytest.approx(entry * 0.99, abs=0.1)
    assert held["terms"]["stop"] == {"percent": 1, "points": None}
    await price(trader, held["target_price"])
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("target", "sold"), ended
    assert "at or above the target" in ended["outcome_detail"]
    assert (await exit_of(trader, strategy_id))["reason"] == "TARGET"
    lines = (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]
    assert "target" in [line["kind"] for line in lines]


async def test_a_stop_from_the_fill_sells_at_its_price(trader: Trader) -> None:
    strategy_id, held = await holding(trader, stop={"points": 20}, target={"price": 3900})
    await price(trader, held["stop_price"] + 0.05)
    await asyncio.sleep(1)
    assert (await trader.strategy(strategy_id))["status"] == "running"
    await price(trader, held["stop_price"])
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "stop_loss", ended
    assert (await exit_of(trader, strategy_id))["reason"] == "STOPLOSS"


async def test_a_trailing_stop_rises_with_the_price_and_never_falls(trader: Trader) -> None:
    strategy_id, held = await holding(trader, stop_loss=3000, trail={"by": {"points": 25}})
    await price(trader, 3600)
    assert (await until_stop_at(trader, strategy_id, 3575))["peak_price"] == 3600
    await price(trader, 3580)
    await asyncio.sleep(1.5)
    assert (await trader.strategy(strategy_id))["stop_price"] == 3575
    await price(trader, 3574)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["stop_loss"]) == ("stop_loss", 3000), ended
    assert "3575" in ended["outcome_detail"], "it names the stop that stood"
    assert held["stop_price"] < 3575


async def test_a_lock_holds_the_cost(trader: Trader) -> None:
    rungs = [{"after": {"points": 20}, "keep": {"points": 0}}]
    strategy_id, held = await holding(trader, stop={"percent": 2}, lock=rungs)
    await price(trader, round(held["entry_price"] + 20, 2) + 0.05)
    risen = await trader.eventually(
        lambda: trader.strategy(strategy_id), lambda one: one["stop_price"] >= one["entry_price"]
    )
    assert risen["stop_price"] == pytest.approx(held["entry_price"], abs=0.06)
    await price(trader, held["entry_price"] - 1)
    assert (await trader.until(strategy_id, status="stopped"))["outcome"] == "stop_loss"


@pytest.mark.parametrize("part", ["listener", "worker", "postgres"])
async def test_the_peak_outlives_a_killed_part(product: Product, trader: Trader, part: str) -> None:
    strategy_id, _ = await holding(trader, stop_loss=3000, trail={"by": {"points": 25}})
    await price(trader, 3620)
    await until_stop_at(trader, strategy_id, 3595)
    await asyncio.sleep(1)
    pids = product.endpoints["pids"][part]
    for pid in pids if isinstance(pids, list) else [pids]:
        os.kill(pid, signal.SIGKILL)
    await price(trader, 3590)
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "stop_loss", ended
    sold = [order for order in await trader.ledger() if order["transaction_type"] == "SELL"]
    assert len(sold) == 1


async def test_a_target_that_is_reached_at_buy_time_buys_nothing(trader: Trader) -> None:
    buy_at = await soon(3, length=60)
    target = {"price": 3500}
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=30), stop_loss=3000, target=target)
    await trader.start(strategy_id)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("skipped", "none"), ended
    assert "at or above the target" in ended["outcome_detail"]
