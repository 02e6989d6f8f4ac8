"""The host's zone changes nothing: New York (the session's product) and UTC give India's instants."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader, soon


async def bought_at_its_second(product: Product) -> None:
    trader = await Trader.signed_up(product)
    buy_at = await soon(10)
    strategy_id = await trader.create(buy_at, buy_at + timedelta(seconds=60))
    started = await trader.start(strategy_id)
    assert datetime.fromisoformat(started["buy_at"]) == buy_at
    await trader.until(strategy_id, position="bought")
    (bought,) = await trader.ledger()
    assert 0 <= bought["received_at"] - buy_at.timestamp() < 15
    await trader.stop(strategy_id, on_stop="keep")
    await trader.http.aclose()


async def test_buys_at_indias_second_on_a_host_in_new_york(product: Product) -> None:
    await bought_at_its_second(product)


@pytest.mark.timeout(180)
async def test_buys_at_indias_second_on_a_host_in_utc(home: Path) -> None:
    product = Product.start(home, TZ="UTC")
    try:
        await bought_at_its_second(await product.ready())
    finally:
        assert await product.end() == 0
