"""The account is watched while strategies hold shares in it: a sale by hand is told, and ends its run."""

import asyncio
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.product import BIN, Product
from tests.e2e.test_hands import assert_closed_outside, by_hand, fall, net
from tests.e2e.trader import Trader, soon
from tests.paper_process import PaperProcess

pytestmark = [pytest.mark.proof, pytest.mark.usefixtures("calm")]
"""Readings are half a minute apart: too long for `make test`."""


async def holding(trader: Trader, ahead: float = 3, **changes: object) -> str:
    """Bring a strategy to where it holds, `ahead` seconds from now; return its id."""
    buy_at = await soon(ahead, length=300)
    sell_at = await soon(ahead + 240, length=0)
    strategy_id = await trader.create(buy_at, sell_at, **({"product": "MIS"} | changes))
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    return strategy_id


async def shown(trader: Trader, strategy_id: str, warning: str) -> dict[str, Any]:
    """Wait until the answer warns so."""

    async def read() -> Any:
        return await trader.strategy(strategy_id)

    seen: dict[str, Any] = await trader.eventually(
        read, lambda one: any(warning in text for text in one["warnings"])
    )
    return seen


async def lines(trader: Trader, strategy_id: str) -> list[str]:
    return [one["text"] for one in (await trader.get(f"/strategy/{strategy_id}/timeline"))["items"]]


def positions(product: Product) -> list[dict[str, Any]]:
    """Return what the operator's command lists."""
    command = [str(BIN / "stopwatch"), "positions", "--json", "--data-dir", "data"]
    done = subprocess.run(command, cwd=product.home, check=True, capture_output=True, text=True, timeout=60)
    listed: list[dict[str, Any]] = json.loads(done.stdout)
    return listed


async def ended(trader: Trader, strategy_id: str) -> dict[str, Any]:
    """Wait until a strategy has stopped: it has a minute, and two halves of this patience."""
    try:
        return await trader.until(strategy_id, status="stopped")
    except AssertionError:
        return await trader.until(strategy_id, status="stopped")


@pytest.mark.parametrize("product_code", ["MIS", "CNC"])
async def test_a_run_whose_shares_the_user_has_sold_ends_by_itself(
    product: Product, trader: Trader, product_code: str
) -> None:
    strategy_id = await holding(trader, product=product_code)
    await by_hand(trader, "sell", quantity=10, product=product_code)
    assert_closed_outside(await ended(trader, strategy_id))
    assert len(await trader.ledger()) == 2, "nothing was sent"
    assert await net(trader) == 0
    assert any("nothing is left to sell" in line for line in await lines(trader, strategy_id))


async def test_a_run_whose_shares_the_user_has_converted_ends_by_itself(
    product: Product, trader: Trader
) -> None:
    strategy_id = await holding(trader)
    account = trader.account
    headers = {"Authorization": f"token {account['api_key']}:{account['access_token']}"}
    conversion = {
        "exchange": "NSE",
        "tradingsymbol": "TCS",
        "transaction_type": "BUY",
        "position_type": "day",
        "quantity": "10",
        "old_product": "MIS",
        "new_product": "CNC",
    }
    async with httpx.AsyncClient(base_url=product.endpoints["paper"], headers=headers) as kite:
        assert (await kite.put("/portfolio/positions", data=conversion)).status_code == 200
    assert_closed_outside(await ended(trader, strategy_id))
    assert await net(trader) == 10, "they are the user's, under their new product"


async def test_a_part_sold_by_hand_is_a_warning_and_the_exit_sells_the_rest(
    product: Product, trader: Trader
) -> None:
    strategy_id = await holding(trader)
    await by_hand(trader, "sell", quantity=4)
    warned = await shown(trader, strategy_id, "shows 6 of the 10 TCS (MIS)")
    assert (warned["status"], warned["phase"]) == ("running", "holding")
    (listed,) = [one for one in positions(product) if one["strategy_id"] == strategy_id]
    assert (listed["kind"], listed["quantity"]) == ("missing", 4)
    told = [line for line in await lines(trader, strategy_id) if "shows 6 of the 10" in line]
    assert len(told) == 1
    await by_hand(trader, "buy", quantity=4)

    async def read() -> Any:
        return await trader.strategy(strategy_id)

    await trader.eventually(read, lambda one: not any("of the 10" in text for text in one["warnings"]))
    assert any("shows all 10 TCS" in line for line in await lines(trader, strategy_id))
    await fall(product)
    sold = await trader.until(strategy_id, status="stopped")
    assert (sold["outcome"], await net(trader)) == ("stop_loss", 0)


@pytest.mark.parametrize("product_code", ["MIS", "CNC"])
async def test_the_users_own_shares_are_not_sold_for_the_strategys_that_were_sold_by_hand(
    product: Product, trader: Trader, product_code: str
) -> None:
    await by_hand(trader, "buy", quantity=10, product=product_code)
    strategy_id = await holding(trader, 9, product=product_code)
    await by_hand(trader, "sell", quantity=10, product=product_code)
    await fall(product)
    assert_closed_outside(await trader.until(strategy_id, status="stopped"))
    assert await net(trader) == 10, "the shares that were there before are still there"


async def test_of_two_strategies_both_are_told_and_the_newer_ends(product: Product, trader: Trader) -> None:
    older = await holding(trader)
    newer = await holding(trader)
    await by_hand(trader, "sell", quantity=10)
    assert_closed_outside(await ended(trader, newer))
    assert any("nothing is left to sell" in line for line in await lines(trader, newer))
    assert any("bought first and keeps its 10" in line for line in await lines(trader, older))
    assert (await trader.strategy(older))["phase"] == "holding"
    await fall(product)
    assert (await trader.until(older, status="stopped"))["outcome"] == "stop_loss"
    assert await net(trader) == 0


async def test_a_hand_that_sells_at_the_moment_of_the_stop_is_told_as_oversold(
    product: Product, trader: Trader
) -> None:
    strategy_id = await holding(trader)
    # The order of the stop is three seconds on its way: the account was read before it left.
    match = {"user_id": trader.account["user_id"], "side": "SELL"}
    await product.paper("/_paper/faults", kind="slow", match=match, delay=3)
    await fall(product)
    await asyncio.sleep(1.5)
    await by_hand(trader, "sell", quantity=10)
    await trader.until(strategy_id, status="stopped")
    assert await net(trader) == -10
    await shown(trader, strategy_id, "The account is short of 10 TCS (MIS)")
    assert any("short of 10 TCS" in line for line in await lines(trader, strategy_id))
    (listed,) = [one for one in positions(product) if one["strategy_id"] == strategy_id]
    assert (listed["kind"], listed["quantity"]) == ("oversold", 10)
    await by_hand(trader, "buy", quantity=10)

    async def read() -> Any:
        return await trader.strategy(strategy_id)

    await trader.eventually(read, lambda one: not any("is short of" in text for text in one["warnings"]))


@dataclass
class OutsideProduct(Product):
    """A product that trades at an exchange outside it; each user's own account carries the price feed."""

    exchange: str = ""

    @property
    def endpoints(self) -> dict[str, Any]:
        running = (self.home / "data" / "endpoints.json").exists()
        return (super().endpoints if running else {}) | {"paper": self.exchange}


async def test_a_sale_by_hand_is_told_within_seconds_where_the_users_feed_hears_of_it(
    tmp_path: Path,
) -> None:
    with PaperProcess() as paper:
        settings = {
            "STOPWATCH_KITE_ROOT": paper.url,
            "STOPWATCH_KITE_WS_ROOT": paper.ws_url,
            "STOPWATCH_CALENDAR": "always-open",
            "STOPWATCH_THROTTLE": "off",
        }
        started = Product.start(tmp_path, **settings)
        product = OutsideProduct(started.home, started.port, started.process, paper.url)
        try:
            await product.ready()
            await product.paper("/_paper/price", symbol="TCS", price=3550)
            trader = await Trader.signed_up(product)
            strategy_id = await holding(trader)
            await asyncio.sleep(4)  # the reading after the purchase is over: only the order tells of itself
            await by_hand(trader, "sell", quantity=4)
            async with asyncio.timeout(15):
                await shown(trader, strategy_id, "shows 6 of the 10 TCS (MIS)")
            await by_hand(trader, "sell", quantity=6)
            async with asyncio.timeout(25):
                assert_closed_outside(await ended(trader, strategy_id))
            assert await net(trader) == 0
            await trader.http.aclose()
        finally:
            await product.end()


async def test_shares_sold_while_everything_was_off_are_missed_after_the_restart(tmp_path: Path) -> None:
    with PaperProcess() as paper:
        settings = {
            "STOPWATCH_KITE_ROOT": paper.url,
            "STOPWATCH_KITE_WS_ROOT": paper.ws_url,
            "STOPWATCH_CALENDAR": "always-open",
            "STOPWATCH_THROTTLE": "off",
        }
        started = Product.start(tmp_path, **settings)
        product = OutsideProduct(started.home, started.port, started.process, paper.url)
        try:
            await product.ready()
            await product.paper("/_paper/price", symbol="TCS", price=3550)
            trader = await Trader.signed_up(product)
            strategy_id = await holding(trader)
            await product.end()
            await by_hand(trader, "sell", quantity=10)
            started = Product.start(tmp_path, "--port", str(product.port), **settings)
            product = OutsideProduct(started.home, product.port, started.process, paper.url)
            await product.ready()
            assert_closed_outside(await ended(trader, strategy_id))
            assert await net(trader) == 0
            await trader.http.aclose()
        finally:
            await product.end()
