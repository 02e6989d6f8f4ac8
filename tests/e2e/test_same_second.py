"""Several strategies of one user in one second, on several workers: the broker counts them as one account."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

SYMBOLS = ("ADANIENT", "AXISBANK", "BEL", "CIPLA", "HCLTECH", "ITC", "MARUTI", "TITAN")


@pytest.mark.parametrize("workers", [2, 4])
async def test_all_strategies_of_a_user_are_bought_in_their_second_and_the_broker_refuses_nothing(
    tmp_path: Path, workers: int
) -> None:
    product = Product.start(tmp_path, "--workers", str(workers))
    try:
        trader = await Trader.signed_up(await product.ready())
        ended = await _bought_together(trader)
        refused = [row for row in await product.paper("/_paper/refused") if row["status"] == 429]
        held_by = await _workers_of(trader)
        await trader.http.aclose()
    finally:
        await product.end()
    assert [(one["outcome"], one["outcome_detail"]) for one in ended if one["outcome"] != "sold"] == []
    assert refused == []
    assert held_by > 1, "one worker held them all: this proves nothing"


async def _bought_together(trader: Trader) -> list[dict[str, Any]]:
    for symbol in SYMBOLS:
        await trader.product.paper("/_paper/price", symbol=symbol, exchange="NSE", price=1000)
    buy_at = await soon(7)
    sell_at = buy_at + timedelta(seconds=15)
    ids = await asyncio.gather(
        *(trader.create(buy_at, sell_at, symbol=symbol, stop_loss=900, quantity=1) for symbol in SYMBOLS)
    )
    await asyncio.gather(*(trader.start(strategy_id) for strategy_id in ids))
    return await asyncio.gather(*(trader.until(strategy_id, status="stopped") for strategy_id in ids))


async def _workers_of(trader: Trader) -> int:
    """Return how many workers held the user's entries."""
    connection = await asyncpg.connect(trader.product.endpoints["postgres"])
    try:
        count = "SELECT count(DISTINCT held_by) FROM orders WHERE leg = 'entry'"
        found: int = await connection.fetchval(count)
        return found
    finally:
        await connection.close()
