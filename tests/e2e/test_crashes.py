"""Whatever crashes meanwhile: the day ends as if nothing had happened."""

from datetime import timedelta

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon

pytestmark = pytest.mark.proof


@pytest.mark.parametrize("part", ["worker", "api", "temporal", "redis", "postgres"])
async def test_sold_at_sell_time_though_a_part_was_killed_while_holding(
    product: Product, trader: Trader, part: str
) -> None:
    buy_at = await soon(2)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=14))
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    await product.kill(part)
    ended = await trader.until(strategy_id, status="stopped")
    assert (ended["outcome"], ended["position"]) == ("sold", "sold"), ended
    assert [order["transaction_type"] for order in await trader.ledger()] == ["BUY", "SELL"]


@pytest.mark.parametrize("part", ["listener", "worker", "paper"])
async def test_stopped_out_though_a_part_was_killed_while_holding(
    product: Product, trader: Trader, part: str
) -> None:
    await product.paper("/_paper/price", symbol="RELIANCE", price=1400)
    buy_at = await soon(2, length=180)
    strategy_id = await trader.create(
        buy_at, buy_at + timedelta(seconds=120), symbol="RELIANCE", stop_loss=1380
    )
    await trader.start(strategy_id)
    await trader.until(strategy_id, phase="holding")
    await product.kill(part)
    await product.paper("/_paper/price", symbol="RELIANCE", price=1370)
    ended = await trader.until(strategy_id, status="stopped")
    assert ended["outcome"] == "stop_loss", ended
    assert [order["transaction_type"] for order in await trader.ledger()] == ["BUY", "SELL"]
