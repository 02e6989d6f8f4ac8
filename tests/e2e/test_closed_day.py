"""A day that is closed while its run waits: the operator says so to a running product."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.e2e.product import BIN, Product
from tests.e2e.trader import INDIA, Trader, soon

pytestmark = pytest.mark.proof

A_MOMENT = 1.5
"""Seconds after which a worker that buys knows a new word."""


def calendar(product: Product, *words: str, expect: int = 0) -> str:
    """Return what the operator's command says."""
    done = subprocess.run(
        [str(BIN / "stopwatch"), "calendar", *words, "--data-dir", "data"],
        cwd=product.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, f"{done.stdout}{done.stderr}"
    return done.stdout if expect == 0 else done.stderr


def days() -> list[str]:
    """Return today, and tomorrow in case midnight passes."""
    today = datetime.now(INDIA).date()
    return [str(today), str(today + timedelta(days=1))]


def opened(product: Product) -> None:
    for day in days():
        calendar(product, "add", day, "--open", "--source", "a test")
        calendar(product, "add", day, "--hours", "00:00-23:59:59", "--source", "a test")


def closed(product: Product) -> None:
    for day in days():
        calendar(product, "remove", day, "--force")
        calendar(product, "add", day, "--closed", "--source", "a test", "--force")


@pytest.fixture(scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """The product on the exchange's calendar."""
    running = Product.start(tmp_path_factory.mktemp("stopwatch"), STOPWATCH_CALENDAR="XNSE")
    try:
        yield await running.ready()
    finally:
        await running.end()


async def knows(trader: Trader, status: str) -> None:
    """Wait until the API knows what the operator said of today: it reads it now and again."""
    today = days()[0]

    async def read() -> Any:
        return (await trader.get(f"/market/calendar?from={today}&to={today}"))["items"][0]

    await trader.eventually(read, lambda day: (day["status"], day["source"]) == (status, "operator"))


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
    product: Product, trader: Trader
) -> None:
    opened(product)
    await knows(trader, "open")
    buy_at = await soon(20)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=60))
    await trader.start(strategy_id)
    await trader.eventually(lambda: armed(product, strategy_id), bool)
    closed(product)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("skipped", "none"), ended
    assert "the exchange is closed on" in ended["outcome_detail"]
    assert "by the operator's calendar" in ended["outcome_detail"]
    assert await trader.ledger() == []
    told = [line for line in await lines(trader, strategy_id) if "the exchange is closed" in line["text"]]
    assert told


async def test_what_was_bought_is_sold_although_the_day_was_closed_since(
    product: Product, trader: Trader
) -> None:
    opened(product)
    await knows(trader, "open")
    buy_at = await soon(3)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=25))
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    refused = calendar(product, "remove", days()[0], expect=1)
    assert "1 strategy holds shares" in refused
    assert "--force" in refused
    closed(product)
    await asyncio.sleep(A_MOMENT)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("sold", "sold"), ended
    sides = [(order["transaction_type"], order["filled_quantity"]) for order in await trader.ledger()]
    assert sides == [("BUY", 10), ("SELL", 10)]


async def test_the_operator_sees_each_day_with_its_source(product: Product) -> None:
    opened(product)
    shown = calendar(product, "show", "--from", days()[0], "--to", days()[0])
    assert "operator" in shown
    assert "00:00-23:59" in shown
    assert "a test" in shown
    (holiday,) = json.loads(calendar(product, "show", "--from", "2027-01-26", "--to", "2027-01-26", "--json"))
    assert (holiday["name"], holiday["source"], holiday["sessions"]) == ("Republic Day", "provisional", [])
    year = product.home / "2027.toml"
    year.write_text("last_day = 2027-12-31\nclosed = [2027-01-26, 2027-03-22]")
    assert "entries, by NSE/CMTR/9" in calendar(product, "import", str(year), "--source", "NSE/CMTR/9")
    lines = calendar(product, "show", "--from", "2027-03-22", "--to", "2027-03-26").splitlines()
    assert [line.split()[2] for line in lines] == ["operator"] * 5
    assert "closed" in lines[0]
    assert "09:15" in lines[4], "Good Friday, which the list does not name"
    rule = ("--segment", "cash", "--hours", "09:15-16:00", "--mis-cutoff", "15:45", "--source", "SEBI/9")
    assert "MIS to 15:45, by SEBI/9" in calendar(product, "hours", "2027-04-01", *rule)
    (after,) = json.loads(calendar(product, "show", "--from", "2027-04-01", "--to", "2027-04-01", "--json"))
    assert after["sessions"][0]["closes_at"] == "2027-04-01T16:00:00+05:30"
    assert "from here on" in after["said"]
    outside = (*rule[:5], "16:30", *rule[6:])
    assert "does not lie within" in calendar(product, "hours", "2027-05-03", *outside, expect=1)
    assert "no hours" in calendar(product, "add", "2027-01-26", "--hours", "9", "--source", "x", expect=2)
    assert "no day" in calendar(product, "remove", "26.1.2027", expect=2)
