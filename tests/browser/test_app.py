"""The phone app in a real browser, against the real product: from register to stopped, by taps alone."""

from datetime import timedelta

import pytest
from playwright.async_api import Browser, Route, ViewportSize, expect

from tests.browser.phone import PASSWORD, PATIENCE, Phone
from tests.browser.rest import Rest
from tests.e2e.product import Product
from tests.e2e.trader import soon
from tests.receivers import hook

pytestmark = [pytest.mark.proof, pytest.mark.timeout(180)]
DESKTOP = ViewportSize(width=1280, height=900)


async def test_a_user_goes_from_register_to_sold_by_taps_alone(phone: Phone) -> None:
    await phone.open()
    await phone.is_at("Log in")
    await phone.picture("1-log-in")
    await phone.registered()
    await phone.picture("2-broker")
    account = await phone.connected()
    buy_at = await soon(14)
    await phone.type("Symbol", "TCS")
    await phone.picture("3-create")
    await phone.created(f"{buy_at:%H:%M:%S}", f"{buy_at + timedelta(seconds=60):%H:%M:%S}")
    await phone.sees("not started")
    await phone.tap("START")
    await phone.sees(f"It buys 10 TCS today at {buy_at:%H:%M:%S}")
    await phone.picture("4-start")
    await phone.answer("START")
    await phone.sees(f"Buys today at {buy_at:%H:%M:%S}")
    await phone.sees("can be lost down to its stop-loss once it has bought")
    await phone.picture("5-waiting")
    await phone.page.get_by_text("holding", exact=True).wait_for()
    await phone.page.get_by_text("BUY", exact=True).wait_for()
    await phone.sees("10 of 10")
    await phone.page.wait_for_timeout(3000)  # a few prices for the picture
    await phone.picture("6-holding")
    await phone.page.get_by_role("button", name="STOP", exact=True).tap()
    await phone.sees("Sell them now at the market's price, or keep them?")
    await phone.picture("7-stop")
    await phone.answer("Sell now")
    await phone.page.get_by_text("stopped", exact=True).first.wait_for()
    await phone.page.get_by_text("SELL (stopped by hand)").wait_for()
    await phone.picture("8-sold")
    sides = [order["transaction_type"] for order in await phone.product.ledger(account["user_id"])]
    assert sides == ["BUY", "SELL"]
    assert phone.complaints == []


async def test_an_account_is_deleted_after_a_question(phone: Phone) -> None:
    await phone.registered()
    await phone.open("/app#/account")
    await phone.is_at("Account")
    await phone.unfold("Delete account")
    await phone.type("Your password", PASSWORD)
    await phone.tap("Delete account")
    await phone.sees("This cannot be undone.")
    await phone.answer("Delete my account")
    await phone.is_at("Log in")
    await phone.sees("Your account is deleted.")
    assert phone.complaints == []


async def test_the_token_of_a_mailed_link_leaves_the_address_bar(phone: Phone) -> None:
    await phone.open(f"/app#/reset/{'A' * 43}")
    await phone.is_at("Choose a new password")
    assert await phone.page.evaluate("location.hash") == "#/reset"
    assert await phone.flaws() == []


async def test_a_forgotten_password_is_asked_for_from_the_first_screen(phone: Phone) -> None:
    """This product has no mail server, and says so."""
    await phone.open()
    await phone.page.get_by_role("link", name="Forgot your password?").tap()
    await phone.is_at("Forgot your password?")
    assert await phone.flaws() == []
    await phone.type("E-mail", "asha@example.com")
    await phone.tap("Mail me a link")
    await phone.sees("This server sends no mail about accounts")


async def test_wrong_words_are_said_at_their_fields(phone: Phone) -> None:
    await phone.registered()
    await phone.type("API key", "nonsense")
    await phone.tap("Connect")
    wrong = phone.page.get_by_label("Secret key")
    await expect(wrong).to_have_attribute("aria-invalid", "true")
    await phone.open("/app#/new")
    await phone.type("Symbol", "NOSUCHSYMBOL")
    await phone.type("Buy at", "09:30:00")
    await phone.type("Sell at", "09:29:00")
    await phone.type("Stop-loss", "abc")
    await phone.type("Quantity", "10")
    await phone.tap("Create")
    await phone.page.locator("#symbol[aria-invalid=true]").wait_for()
    await expect(phone.page.locator("#symbol")).to_be_focused()
    assert await phone.page.locator(".wrong:not(:empty)").count() >= 2


async def test_a_symbol_of_two_exchanges_is_bought_where_it_was_picked(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    await phone.page.get_by_label("Symbol", exact=False).first.press_sequentially("RELIANCE")
    await phone.page.locator("#symbols [role=option]").filter(has_text="BSE").first.tap()
    await phone.sees("at BSE")
    await phone.type("Buy at", "00:00:05")
    await phone.type("Sell at", "00:00:06")
    await phone.type("Stop-loss", "5")
    await phone.type("Quantity", "1")
    await phone.tap("Create")
    await phone.is_at("RELIANCE · BSE ×1")
    await phone.tap("START")
    await phone.sees("It buys 1 RELIANCE · BSE")


async def test_what_a_start_would_cost_and_risk_is_shown_while_typing(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    await phone.type("Symbol", "TCS")
    await phone.type("Buy at", "23:58:00")
    await phone.type("Sell at", "23:59:00")
    await phone.type("Stop-loss", "2")
    await phone.page.get_by_label("Size by").select_option("amount")
    await phone.type("Amount", "9000000")
    await phone.sees("Lost at the stop")
    await phone.sees("Needed")
    await phone.page.get_by_label("Target in").select_option("percent")
    await phone.page.get_by_label("Target").last.fill("3")
    await phone.sees("Above the purchase: about ₹")
    await phone.page.get_by_label("Repeat on trading days").check()
    await phone.tap("Create")
    await phone.is_at("TCS for ₹90,00,000.00")
    await phone.sees("Every trading day among Mon, Tue, Wed, Thu, Fri")
    await phone.tap("Change")
    await phone.is_at("Change TCS for ₹90,00,000.00")
    await phone.page.get_by_label("Target in").select_option("")
    await phone.page.get_by_label("Size by").select_option("quantity")
    await phone.type("Quantity", "7")
    await phone.tap("Save")
    await phone.is_at("TCS ×7")
    await expect(phone.page.get_by_text("Target", exact=True)).to_have_count(0)
    assert phone.complaints == []


async def test_today_shows_the_money_and_whose_it_is_live(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    await phone.open("/app")
    await phone.is_at("Today")
    await phone.sees("Paper money")
    await phone.open("/app#/new")
    buy_at = await soon(16)
    await phone.created(f"{buy_at:%H:%M:%S}", f"{buy_at + timedelta(seconds=300):%H:%M:%S}")
    await phone.tap("START")
    await phone.answer("START")
    await phone.sees("waiting to buy")
    await phone.open("/app")
    await phone.sees("Running (1)")  # it waited when the page was opened
    await phone.sees("below the price")
    await phone.sees("1 strategy holds shares")
    heard = phone.page.locator("p[role=status].unseen")
    await expect(heard).to_have_text("TCS ×10: holding.", timeout=PATIENCE)
    assert await phone.flaws() == []
    assert await phone.page.evaluate("document.documentElement.scrollWidth") <= 360
    await phone.picture("11-today")
    await phone.tap("Sell everything now")
    await phone.answer("Sell everything")
    await phone.sees("Ended (1)")
    assert phone.complaints == []


async def test_shares_that_were_kept_can_be_sold_later(phone: Phone) -> None:
    await phone.registered()
    account = await phone.connected()
    buy_at = await soon(12)
    await phone.created(f"{buy_at:%H:%M:%S}", f"{buy_at + timedelta(seconds=300):%H:%M:%S}")
    await phone.tap("START")
    await phone.answer("START")
    await phone.page.get_by_text("holding", exact=True).wait_for()
    await phone.tap("STOP")
    await phone.answer("Keep the shares")
    await phone.tap("Sell the shares")
    await phone.sees("Sold, they go at the market's price: at once while the market is open")
    await phone.answer("Sell now")
    await expect(phone.button("Sell the shares")).to_have_count(0)
    sides = [order["transaction_type"] for order in await phone.product.ledger(account["user_id"])]
    assert sides == ["BUY", "SELL"]
    assert phone.complaints == []


async def test_a_double_tap_on_stop_sells_nothing(phone: Phone) -> None:
    """The question opens under the finger: the second tap was meant for the button before."""
    await phone.registered()
    await phone.connected()
    buy_at = await soon(10)
    await phone.created(f"{buy_at:%H:%M:%S}", f"{buy_at + timedelta(seconds=300):%H:%M:%S}")
    await phone.tap("START")
    await phone.answer("START")
    await phone.page.get_by_text("holding", exact=True).wait_for()
    await phone.button("STOP").dblclick()
    dialog = phone.page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    focused = await phone.page.evaluate("document.activeElement.tagName")
    assert focused == "H2", "a key that repeats would choose"
    await phone.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    assert await phone.page.evaluate("document.activeElement.textContent") == "STOP"
    await phone.page.get_by_text("holding", exact=True).wait_for()
    assert phone.complaints == []


async def test_a_stream_whose_login_ended_goes_on_with_the_next_token(phone: Phone) -> None:
    """Access tokens last a quarter of an hour: a screen that stays open longer must not stand still."""
    await phone.registered()
    await phone.connected()
    await phone.created()
    refused: list[str] = []

    async def once(route: Route) -> None:
        if refused:
            await route.continue_()
            return
        refused.append(route.request.url)
        await route.fulfill(status=401, body="{}")

    await phone.page.route("**/events?since=now", once)
    await phone.open("/app")
    await phone.sees("Not started (1)")
    rest = await Rest.of(phone)
    words = {
        "symbol": "TCS",
        "quantity": 1,
        "stop_loss": 3000,
        "buy_time": "23:59:00",
        "sell_time": "23:59:30",
    }
    await rest.post("/strategy/create", words)
    await phone.sees("Not started (2)")
    assert refused


async def test_what_is_opened_and_saved_is_not_changed(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    rest = await Rest.of(phone)
    terms = {
        "entry": {"type": "chase", "buffer": {"points": 1}, "most": {"points": 7}, "for_seconds": 45},
        "trail": {"by": {"percent": 1}, "every": {"points": 5}},
        "lock": [{"after": {"percent": 1}, "keep": {"points": 0}}],
        "target": {"points": 50},
        "reenter": {"times": 2, "after": "both", "when": "at_entry_price", "until": "23:30"},
        "repeat": {"days": ["mon", "wed"]},
        "protect": "exchange",
    }
    words = {
        "symbol": "TCS",
        "amount": 50000,
        "stop": {"points": 40},
        "buy_time": "23:00",
        "sell_time": "23:50",
    }
    made = await rest.post("/strategy/create", words | terms)
    await phone.open(f"/app#/edit/{made['strategy_id']}")
    await phone.tap("Save")
    await phone.is_at("TCS for ₹50,000.00")
    after = await rest.get(f"/strategy/{made['strategy_id']}")
    assert after["terms"] == made["terms"]
    assert phone.complaints == []


async def test_sell_everything_stops_what_runs_and_buying_can_be_allowed_again(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    strategy = await phone.created()
    await phone.tap("START")
    await phone.answer("START")
    await phone.sees("waiting to buy")
    await phone.open("/app#/account")
    await phone.tap("Sell everything now")
    await phone.answer("Sell everything")
    await phone.sees("1 running strategy is told to sell")
    await phone.open(f"/app#/s/{strategy}")
    await phone.page.get_by_text("stopped", exact=True).first.wait_for()
    await phone.open("/app")
    await phone.sees("You stopped all buying")
    await phone.tap("Allow buying again")
    await phone.sees("Buying is allowed again.")


async def test_a_login_outlives_the_page_and_a_new_password(phone: Phone) -> None:
    await phone.registered()
    await phone.page.reload()
    await phone.is_at("Broker")
    await phone.open("/app#/account")
    await phone.unfold("Password")
    await phone.type("Current password", PASSWORD)
    await phone.type("New password", "another horse battery")
    await phone.tap("Change password")
    await phone.sees("Every other login has ended.")
    await phone.tap("Log out")
    await phone.is_at("Log in")
    await phone.type("E-mail", phone.email)
    await phone.type("Password", "another horse battery")
    await phone.tap("Log in")
    await phone.is_at("Today")
    await phone.sees("No Zerodha account is connected")


async def test_offline_the_shell_opens_and_says_so(phone: Phone) -> None:
    await phone.registered()
    await phone.page.evaluate("navigator.serviceWorker.ready")
    await phone.page.reload()
    await phone.page.context.set_offline(True)
    await phone.page.reload()
    await phone.sees("What was started goes on by itself on the server.")
    await phone.sees("The server cannot be reached")
    await phone.page.context.set_offline(False)
    await phone.is_at("Broker")  # by itself


async def test_the_morning_login_is_one_tap_and_comes_back(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    await phone.open("/app#/broker")
    await phone.tap("Log in again at Zerodha")
    await phone.sees("You are logged in at Zerodha for today.")


async def test_the_first_connection_needs_no_token_but_a_login(phone: Phone) -> None:
    await phone.registered()
    account = await phone.paper_account()
    await phone.type("API key", account["api_key"])
    await phone.type("Secret key", account["api_secret"])
    await phone.tap("Connect")
    await phone.is_at("New strategy")
    await phone.sees("Your paper account is connected.")
    kept = await phone.page.evaluate("JSON.stringify({...sessionStorage}) + location.href")
    assert account["api_secret"] not in kept
    assert phone.complaints == []


async def test_it_can_be_installed_and_asks_no_other_host(phone: Phone) -> None:
    hosts: set[str] = set()
    phone.page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    await phone.registered()
    await phone.connected()
    assert hosts == {phone.product.endpoints["api"].split("/")[2]}
    session = await phone.page.context.new_cdp_session(phone.page)
    manifest = await session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert '"start_url": "/app"' in manifest["data"]


async def test_it_looks_right_on_a_desktop(browser: Browser, product: Product) -> None:
    async with Phone.of(browser, product, DESKTOP, "dark") as desktop:
        await desktop.registered()
        await desktop.connected()
        await desktop.created()
        assert await desktop.flaws() == []
        assert await desktop.page.evaluate("document.documentElement.scrollWidth") <= 1280
        await desktop.picture("9-desktop")


async def test_a_channel_is_set_up_tested_and_removed_by_taps(phone: Phone) -> None:
    await phone.registered()
    await phone.open("/app#/account")
    await phone.is_at("Account")
    await phone.unfold("Notifications")
    async with hook() as receiver:
        await phone.page.get_by_label("Tell me by").select_option("webhook")
        await phone.page.locator("#webhook_address").fill("not an address")
        await phone.tap("Add channel")
        await phone.sees("must be an https URL")
        phone.complaints.clear()  # the browser's own line about the refusal
        await phone.page.locator("#webhook_address").fill(receiver.url)
        await phone.tap("Add channel")
        await phone.sees("127.0.0.1 is set up: send a test.")
        secret = await phone.page.locator("code").inner_text()
        await phone.tap("Test 127.0.0.1")
        await phone.sees("It has arrived.")
        await phone.picture("10-notices")
        receiver.verify(secret)
    assert await phone.flaws() == []
    await phone.tap("Remove 127.0.0.1")
    await phone.answer("Remove")
    await expect(phone.button("Test 127.0.0.1")).to_have_count(0)
    assert phone.complaints == []
