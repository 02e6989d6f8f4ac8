"""The whole journey by the keyboard alone: from register to a strategy that was stopped."""

from datetime import timedelta

import pytest

from tests.browser.keyboard import Keyboard
from tests.browser.phone import PASSWORD, Phone
from tests.e2e.trader import soon

pytestmark = [pytest.mark.proof, pytest.mark.timeout(180)]


async def test_a_day_from_register_to_stop_without_a_pointer(phone: Phone) -> None:
    keys = Keyboard(phone.page)
    await phone.open()
    await phone.is_at("Log in")
    await keys.press("Create an account")
    await phone.is_at("Create an account")
    await keys.write("E-mail", phone.email)
    await keys.write("Password", PASSWORD)
    await phone.page.keyboard.press("Enter")
    await phone.is_at("Broker")
    account = await phone.product.paper("/_paper/accounts", cash=10_000_000)
    await keys.write("API key", account["api_key"])
    await keys.write("Secret key", account["api_secret"])
    await keys.write("Access token", account["access_token"])
    await phone.page.keyboard.press("Enter")
    await phone.is_at("New strategy")

    buy_at = await soon(20)
    await keys.write("Symbol", "RELIANCE")
    await phone.page.locator("#symbols [role=option]").first.wait_for()
    await phone.page.keyboard.press("ArrowDown")
    await phone.page.keyboard.press("Enter")
    await phone.sees("prices in steps of")
    await keys.write("Buy at", f"{buy_at:%H%M%S}")
    await keys.write("Sell at", f"{buy_at + timedelta(seconds=300):%H:%M:%S}")
    await keys.write("Stop-loss", "5")
    await keys.write("Quantity", "3")
    await phone.page.keyboard.press("Enter")
    await phone.is_at("RELIANCE ×3")

    await keys.press("START")
    await keys.answer("START")
    await phone.page.get_by_text("holding", exact=True).wait_for()
    await keys.press("STOP")
    await keys.answer("Sell now")
    await phone.page.get_by_text("stopped", exact=True).first.wait_for()
    sides = [order["transaction_type"] for order in await phone.product.ledger(account["user_id"])]
    assert sides == ["BUY", "SELL"]
    assert phone.complaints == []
