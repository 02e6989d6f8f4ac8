"""Several strategies of one user in one second, on several workers: the broker counts them as one account."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from domain.budget import ENTRIES, EXITS
from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

SYMBOLS = ("ADANIENT", "AXISBANK", "BEL", "CIPLA", "HCLTECH", "ITC", "MARUTI", "TITAN")
CROWD = 50
IN_TIME = 5 * ENTRIES.a_second
"""Entries that have their turn within the five seconds in which one is sent."""


@pytest.mark.parametrize(
    "workers", [pytest.param(1, marks=pytest.mark.proof), 2, pytest.param(4, marks=pytest.mark.proof)]
)
async def test_all_strategies_of_a_user_are_bought_in_their_second_and_the_broker_refuses_nothing(
    tmp_path: Path, workers: int
) -> None:
    product = Product.start(tmp_path, "--workers", str(workers))
    try:
        trader = await Trader.signed_up(await product.ready())
        ended = await _bought_together(trader)
        refused = await _refused(trader)
        held_by = await _workers_of(trader)
        await trader.http.aclose()
    finally:
        await product.end()
    assert [(one["outcome"], one["outcome_detail"]) for one in ended if one["outcome"] != "sold"] == []
    assert refused == []
    assert held_by > 1 or workers == 1, "one worker held them all: this proves nothing"


@pytest.mark.proof
async def test_a_crowd_of_one_user_is_bought_first_start_first_and_the_rest_is_told_why(
    tmp_path: Path,
) -> None:
    product = Product.start(tmp_path, "--workers", "2")
    try:
        trader = await Trader.signed_up(await product.ready())
        buy_at, started = await _start_a_crowd(trader)
        crowd = await _decided(trader, [one["strategy_id"] for one in started])
        arrivals = _arrivals(await trader.ledger())
        refused = await _refused(trader)
        await trader.http.aclose()
    finally:
        await product.end()
    assert [bool(one["warnings"]) for one in started] == [nth >= IN_TIME for nth in range(CROWD)]
    assert refused == []
    assert max(arrivals.values()) <= EXITS.a_second
    bought = [nth for nth, one in enumerate(crowd) if one["position"] == "bought"]
    assert set(range(ENTRIES.a_second)) <= set(bought), "the first START has the first turn"
    assert not set(range(IN_TIME, CROWD)) & set(bought), "and the last one none in time"
    missed = [one for one in crowd if one["position"] == "none"]
    assert {one["outcome"] for one in missed} == {"missed"}
    due = f"{CROWD} of your orders are due at {buy_at:%H:%M:%S}".removesuffix(":00")
    last = [one["outcome_detail"] for one in crowd[IN_TIME:]]
    told = [detail for detail in last if due in detail and "takes 10 orders a second" in detail]
    # On a machine that stands still for seconds, one that never came to its claim says that it was late.
    assert len(told) > len(last) / 2, last


async def _bought_together(trader: Trader) -> list[dict[str, Any]]:
    await _prices(trader)
    buy_at = await soon(7)
    sell_at = buy_at + timedelta(seconds=15)
    ids = await asyncio.gather(
        *(trader.create(buy_at, sell_at, symbol=symbol, stop_loss=900, quantity=1) for symbol in SYMBOLS)
    )
    await asyncio.gather(*(trader.start(strategy_id) for strategy_id in ids))
    return await asyncio.gather(*(trader.until(strategy_id, status="stopped") for strategy_id in ids))


async def _start_a_crowd(trader: Trader) -> tuple[datetime, list[dict[str, Any]]]:
    """Start strategies one after the other, all for one second; return it and the answers."""
    await _prices(trader)
    buy_at = await soon(40, 300)
    sell_at = buy_at + timedelta(seconds=240)
    started = []
    for nth in range(CROWD):
        symbol = SYMBOLS[nth % len(SYMBOLS)]
        strategy_id = await trader.create(buy_at, sell_at, symbol=symbol, stop_loss=900, quantity=1)
        started.append(await trader.start(strategy_id))
    return buy_at, started


async def _decided(trader: Trader, ids: list[str]) -> list[dict[str, Any]]:
    """Return the strategies once each has bought or ended."""

    async def read() -> list[dict[str, Any]]:
        return [await trader.strategy(strategy_id) for strategy_id in ids]

    def decided(crowd: list[dict[str, Any]]) -> bool:
        return all(one["status"] == "stopped" or one["phase"] == "holding" for one in crowd)

    found: list[dict[str, Any]] = await trader.eventually(read, decided)
    return found


async def _prices(trader: Trader) -> None:
    for symbol in SYMBOLS:
        await trader.product.paper("/_paper/price", symbol=symbol, exchange="NSE", price=1000)


def _arrivals(ledger: list[dict[str, Any]]) -> Counter[int]:
    """Return how many orders arrived in each second of the broker's clock."""
    return Counter(int(row["received_at"]) for row in ledger)


async def _refused(trader: Trader) -> list[dict[str, Any]]:
    return [row for row in await trader.product.paper("/_paper/refused") if row["status"] == 429]


async def _workers_of(trader: Trader) -> int:
    """Return how many workers held the user's entries."""
    connection = await asyncpg.connect(trader.product.endpoints["postgres"])
    try:
        count = "SELECT count(DISTINCT held_by) FROM orders WHERE leg = 'entry'"
        found: int = await connection.fetchval(count)
        return found
    finally:
        await connection.close()
