"""What keeps a sale back is named, and the sale leaves when it is gone."""

from typing import Any

from tests.e2e.product import Product
from tests.e2e.test_hands import by_another_program, by_hand, fall, holding, net
from tests.e2e.trader import Trader


async def test_the_users_own_order_is_named_and_the_sale_leaves_when_it_is_gone(
    product: Product, trader: Trader
) -> None:
    await product.paper("/_paper/price", symbol="TCS", price=3550)
    strategy_id, _ = await holding(trader, 150, product="CNC")
    theirs = await by_another_program(
        trader, "SELL", 4, product="CNC", order_type="LIMIT", price="3560", market_protection="0"
    )
    await fall(product)

    async def seen() -> dict[str, Any]:
        return await trader.strategy(strategy_id)

    named = f"your order {theirs} (SELL 4 TCS, LIMIT at 3560.00)"
    await trader.eventually(seen, lambda one: any(named in warning for warning in one["warnings"]))
    sent = [order for order in await trader.ledger() if order["tag"] and order["transaction_type"] == "SELL"]
    assert sent == [], "what is refused is no order"
    await by_hand(trader, "cancel", order_id=theirs)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("stop_loss", "sold"), ended
    assert ended["warnings"] == []
    assert await net(trader) == 0
