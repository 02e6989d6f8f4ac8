"""A stop at the exchange in the app, from the form to its sale."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import expect

from tests.browser.phone import Phone
from tests.e2e.trader import soon

pytestmark = [pytest.mark.proof, pytest.mark.timeout(180)]


async def test_a_stop_rests_at_the_exchange_and_sells_there(phone: Phone) -> None:
    await phone.registered()
    account = await phone.connected()
    await phone.sees("nothing sells while this server is away")
    await phone.page.get_by_label("Where the stop lies").select_option("exchange")
    await phone.sees("It sells also while this server is away")
    buy_at = await soon(14)
    await phone.type("Symbol", "TCS")
    await phone.type("Buy at", f"{buy_at:%H:%M:%S}")
    await phone.type("Sell at", f"{buy_at + timedelta(seconds=300):%H:%M:%S}")
    await phone.type("Stop-loss", "2")
    await phone.type("Quantity", "10")
    await phone.tap("Create")
    await phone.is_at("TCS ×10")
    await phone.tap("START")
    await phone.sees("A stop order rests at the exchange while shares are held")
    await phone.answer("START")
    await phone.sees("The stop rests at the exchange as an order since")
    await phone.page.get_by_text(re.compile(r"SELL once the price is ₹[\d,.]+ or less \(SL-M\)")).wait_for()
    await phone.sees("A stop for TCS rests at the exchange")
    await expect(phone.page.locator(".orders .chip").first).to_have_text("rests at the exchange")
    assert await phone.flaws() == []
    try:
        await phone.product.paper("/_paper/price", symbol="TCS", price=3400)
        await phone.page.get_by_text("sold, the stop was hit", exact=True).first.wait_for()
    finally:
        await phone.product.paper("/_paper/price", symbol="TCS", price=3560)
    _, sale = await phone.product.ledger(account["user_id"])
    assert sale["trigger_price"], "what was sold is what had rested"
    assert (sale["transaction_type"], sale["filled_quantity"]) == ("SELL", 10)
    assert phone.complaints == []
