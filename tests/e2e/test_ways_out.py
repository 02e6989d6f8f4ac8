"""What keeps a sale back is named, and the sale leaves when it is gone, or on its user's word."""

from typing import Any

import httpx
import pytest

from tests.e2e.product import Product
from tests.e2e.test_hands import fall, holding, net
from tests.e2e.trader import Trader

pytestmark = pytest.mark.usefixtures("calm")


async def test_the_users_own_order_is_named_and_the_sale_leaves_when_it_is_gone(
    product: Product, trader: Trader
) -> None:
    strategy_id, _ = await holding(trader, 150, product="CNC")
    account = trader.account
    headers = {"Authorization": f"token {account['api_key']}:{account['access_token']}"}
    order = {"exchange": "NSE", "tradingsymbol": "TCS", "transaction_type": "SELL", "quantity": "4"}
    order |= {"product": "CNC", "order_type": "LIMIT", "price": "3560", "validity": "DAY"}
    async with httpx.AsyncClient(base_url=product.endpoints["paper"], headers=headers) as kite:
        theirs = (await kite.post("/orders/regular", data=order)).json()["data"]["order_id"]
    await fall(product)

    async def seen() -> dict[str, Any]:
        return await trader.strategy(strategy_id)

    named = f"your order {theirs} (SELL 4 TCS, LIMIT at 3560.00)"
    await trader.eventually(seen, lambda one: any(named in warning for warning in one["warnings"]))
    sent = [order for order in await trader.ledger() if order["tag"] and order["transaction_type"] == "SELL"]
    assert sent == [], "what is refused is no order"
    async with httpx.AsyncClient(base_url=product.endpoints["paper"], headers=headers) as kite:
        assert (await kite.delete(f"/orders/regular/{theirs}")).status_code == 200
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), ended
    assert ended["warnings"] == []
    assert await net(trader) == 0


async def test_a_sale_that_its_user_must_authorise_leaves_on_their_word(
    product: Product, trader: Trader
) -> None:
    strategy_id, _ = await holding(trader, 150, product="CNC")
    of_theirs = {"user_id": trader.account["user_id"], "side": "SELL"}
    await product.paper("/_paper/faults", kind="authorise_428", match=of_theirs, count=1000)
    await fall(product)

    async def seen() -> dict[str, Any]:
        return await trader.strategy(strategy_id)

    await trader.eventually(
        seen, lambda one: any("authorisation at depository" in warning for warning in one["warnings"])
    )
    refused = await _refused(product, trader)
    async with httpx.AsyncClient(base_url=product.endpoints["paper"]) as paper:
        await paper.delete("/_paper/faults")
    await trader.stop(strategy_id, on_stop="exit")
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["position"], ended["warnings"]) == ("sold", []), ended
    assert await net(trader) == 0
    assert refused == 1, "what only its user can lift is not tried again and again"


async def _refused(product: Product, trader: Trader) -> int:
    async with httpx.AsyncClient(base_url=product.endpoints["paper"]) as paper:
        rows = (await paper.get("/_paper/refused")).json()
    return sum(row["user_id"] == trader.account["user_id"] and row["status"] == 428 for row in rows)
