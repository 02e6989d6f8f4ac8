"""A check before a START on the whole product: the worker asks the paper exchange, and nothing is written."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

pytestmark = pytest.mark.usefixtures("calm")


async def body(**changed: Any) -> dict[str, Any]:
    buy_at = await soon(100, length=200)
    times = {"buy_time": buy_at, "sell_time": buy_at + timedelta(seconds=60)}
    said = {name: f"{moment:%H:%M:%S}" for name, moment in times.items()}
    return {"symbol": "TCS", "stop_loss": 3500, "quantity": 10} | said | changed


async def checked(trader: Trader, words: dict[str, Any]) -> dict[str, Any]:
    """Check, as often as it takes until the numbers came in time: the machine may be busy."""
    found: dict[str, Any] = {}
    for _ in range(10):
        found = (await trader.post("/strategy/check", words)).json()
        if found["margin"] is not None:
            break
    return found


def warned(found: dict[str, Any]) -> list[str]:
    """Return the warnings but one: shortly before 06:00 a login ends before any purchase."""
    return [words for words in found["warnings"] if not words.startswith("The login at Zerodha ends at")]


async def test_a_check_has_the_brokers_own_numbers(product: Product, trader: Trader) -> None:
    found = await checked(trader, await body())
    assert (found["last_price"], found["amount"], found["risk"]) == (3550, 35500, 500), found
    assert (found["stop_price"], found["mode"], warned(found)) == (3500, "paper", [])
    margin = found["margin"]
    assert (margin["required"], margin["short"]) == (35500, 0)
    assert margin["available"] > 35500
    assert found["charges_estimate"]["total"] > 0
    assert await trader.ledger() == []
    assert (await trader.get("/strategy"))["items"] == []


async def test_more_than_the_account_has_is_short_by_the_brokers_numbers(trader: Trader) -> None:
    free = (await checked(trader, await body()))["margin"]["available"]
    quantity = int(Decimal(str(free)) // 3550) + 1
    words = await body(quantity=quantity)
    found = await checked(trader, words)
    short = found["margin"]["short"]
    assert short == pytest.approx(quantity * 3550 - free)
    [warning] = warned(found)
    assert f"{short:.2f} are missing" in warning
    created = (await trader.post("/strategy/create", words, expect=201)).json()
    started = await trader.start(created["strategy_id"])
    # Its answer waits for the broker's numbers for a second only.
    assert warned(started) in ([warning], [])
    await trader.post("/strategy/stop", {"strategy_id": created["strategy_id"]})


async def test_a_broker_that_does_not_answer_leaves_the_margin_unknown(
    product: Product, trader: Trader
) -> None:
    await product.paper(
        "/_paper/faults", kind="hang_without_accept", match={"path": "/user/margins"}, seconds=8
    )
    found = (await trader.post("/strategy/check", await body())).json()
    assert (found["margin"], found["quantity"]) == (None, 10)
    [warning] = warned(found)
    assert "did not answer in time" in warning
