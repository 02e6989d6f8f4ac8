"""A day that is closed while its run waits: the operator replaces the override file of a running product."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.e2e.product import Product
from tests.e2e.trader import INDIA, Trader, soon

A_MOMENT = 1.5
"""Seconds after which a worker knows a file that was replaced."""


class Calendar:
    """The operator's file for today, and tomorrow in case midnight passes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        rows = (f"[[session]]\nday = {day}\nopens = 00:00:00\ncloses = 23:59:59\n" for day in self._days())
        self._write("\n".join(rows))

    def closed(self) -> None:
        self._write(f"closed = [{', '.join(self._days())}]\n")

    def unreadable(self) -> None:
        self._write("closed = [")

    @staticmethod
    def _days() -> list[str]:
        today = datetime.now(INDIA).date()
        return [str(today), str(today + timedelta(days=1))]

    def _write(self, text: str) -> None:
        aside = self.path.with_suffix(".new")
        aside.write_text(text)
        os.replace(aside, self.path)


@pytest.fixture(scope="module")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> Calendar:
    return Calendar(tmp_path_factory.mktemp("calendar") / "calendar.toml")


@pytest.fixture(scope="module")
async def product(calendar: Calendar, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """The product on the exchange's calendar."""
    running = Product.start(
        tmp_path_factory.mktemp("stopwatch"),
        STOPWATCH_CALENDAR="XNSE",
        STOPWATCH_CALENDAR_OVERRIDES=str(calendar.path),
    )
    try:
        yield await running.ready()
    finally:
        await running.end()


async def armed(product: Product, strategy_id: str) -> bool:
    """Tell whether a worker holds the strategy's entry for its instant."""
    connection = await asyncpg.connect(product.endpoints["postgres"].replace("+asyncpg", "", 1))
    try:
        query = "SELECT count(*) FROM orders WHERE strategy_id = $1 AND held_by IS NOT NULL"
        return bool(await connection.fetchval(query, strategy_id))
    finally:
        await connection.close()


async def lines(trader: Trader, strategy_id: str) -> list[dict[str, Any]]:
    found = await trader.get(f"/strategy/{strategy_id}/timeline")
    return list(found["items"])


async def test_an_armed_entry_is_not_sent_on_a_day_that_the_operator_closes(
    product: Product, trader: Trader, calendar: Calendar
) -> None:
    calendar.open()
    buy_at = await soon(8)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=60))
    await trader.start(strategy_id)
    await trader.eventually(lambda: armed(product, strategy_id), bool)
    calendar.closed()
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("skipped", "none"), ended
    assert "the exchange is closed on" in ended["outcome_detail"]
    assert "by the operator's calendar" in ended["outcome_detail"]
    assert await trader.ledger() == []
    told = [line for line in await lines(trader, strategy_id) if "the exchange is closed" in line["text"]]
    assert told


async def test_nothing_is_bought_while_the_override_file_cannot_be_read(
    product: Product, trader: Trader, calendar: Calendar
) -> None:
    calendar.open()
    buy_at = await soon(6)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=60))
    await trader.start(strategy_id)
    calendar.unreadable()
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "skipped", ended
    assert "cannot be read" in ended["outcome_detail"]
    assert await trader.ledger() == []


@pytest.mark.parametrize("state", ["closed", "unreadable"])
async def test_what_was_bought_is_sold_although_the_day_was_closed_since(
    product: Product, trader: Trader, calendar: Calendar, state: str
) -> None:
    calendar.open()
    buy_at = await soon(3)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=8))
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    getattr(calendar, state)()
    await asyncio.sleep(A_MOMENT)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("sold", "sold"), ended
    sides = [(order["transaction_type"], order["filled_quantity"]) for order in await trader.ledger()]
    assert sides == [("BUY", 10), ("SELL", 10)]
