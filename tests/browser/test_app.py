"""The phone app in a real browser, against the real product: from register to stopped, by taps alone."""

from datetime import timedelta

import pytest
from playwright.async_api import Browser, ViewportSize, expect

from tests.browser.phone import PASSWORD, Phone
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
    await phone.page.get_by_role("dialog").get_by_role("button", name="START").tap()
    await phone.sees(f"Buys today at {buy_at:%H:%M:%S}")
    await phone.picture("5-waiting")
    await phone.page.get_by_text("holding", exact=True).wait_for()
    await phone.page.get_by_role("cell", name="BUY").wait_for()
    await phone.sees("10 of 10")
    await phone.page.wait_for_timeout(3000)  # a few prices for the picture
    await phone.picture("6-holding")
    await phone.tap("STOP")
    await phone.sees("Sell them now at the market's price, or keep them?")
    await phone.picture("7-stop")
    await phone.page.get_by_role("dialog").get_by_role("button", name="Sell now").tap()
    await phone.page.get_by_text("stopped", exact=True).first.wait_for()
    await phone.page.get_by_role("cell", name="SELL (STOP)").wait_for()
    await phone.picture("8-sold")
    sides = [order["transaction_type"] for order in await phone.product.ledger(account["user_id"])]
    assert sides == ["BUY", "SELL"]
    assert phone.complaints == []


async def test_every_screen_is_usable_by_everybody(browser: Browser, product: Product) -> None:
    """No serious finding of axe, light and dark, and nothing wider than a phone of 360 pixels."""
    for scheme in ("light", "dark"):
        async with Phone.of(browser, product, scheme=scheme) as phone:
            await phone.registered()
            await phone.connected()
            strategy = await phone.created()
            for place, title in (
                ("#/", "Today"),
                ("#/broker", "Broker"),
                ("#/new", "New strategy"),
                (f"#/s/{strategy}", "TCS ×10"),
                ("#/account", "Account"),
                (f"#/reset/{'A' * 43}", "Choose a new password"),
                (f"#/verify/{'A' * 43}", "Confirm your e-mail address"),
            ):
                await phone.open(f"/app{place}")
                await phone.is_at(title)
                assert await phone.flaws() == [], (scheme, place)
                width = await phone.page.evaluate("document.documentElement.scrollWidth")
                assert width <= 360, (place, width)
            assert phone.complaints == []


async def test_an_account_is_deleted_after_a_question(phone: Phone) -> None:
    await phone.registered()
    await phone.open("/app#/account")
    await phone.is_at("Account")
    await phone.type("Your password", PASSWORD)
    await phone.tap("Delete account")
    await phone.sees("This cannot be undone.")
    await phone.page.get_by_role("dialog").get_by_role("button", name="Delete my account").tap()
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


async def test_a_strategy_is_started_by_the_keyboard_alone(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    await phone.created()
    for _ in range(20):
        await phone.page.keyboard.press("Tab")
        if await phone.page.evaluate("document.activeElement.textContent") == "START":
            break
    await phone.page.keyboard.press("Enter")
    await phone.page.get_by_role("dialog").wait_for()
    await phone.page.keyboard.press("Enter")  # the first button of the question has the focus
    await phone.sees("waiting to buy")


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
    assert await phone.page.evaluate("document.activeElement.id") == "symbol"
    assert await phone.page.locator(".wrong:not(:empty)").count() >= 2


async def test_a_symbol_of_two_exchanges_is_bought_where_it_was_picked(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    await phone.page.get_by_label("Symbol").press_sequentially("RELIANCE")
    picked = phone.page.locator("datalist option[value='RELIANCE · BSE']")
    await picked.wait_for(state="attached")
    await phone.type("Symbol", "RELIANCE · BSE")
    await expect(phone.page.get_by_label("Symbol")).to_have_value("RELIANCE")
    await phone.type("Buy at", "00:00:05")
    await phone.type("Sell at", "00:00:06")
    await phone.type("Stop-loss", "1000")
    await phone.type("Quantity", "1")
    await phone.tap("Create")
    await phone.is_at("RELIANCE · BSE ×1")


async def test_today_shows_the_money_and_whose_it_is_live(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    await phone.open("/app")
    await phone.is_at("Today")
    await phone.sees("Paper money")
    await phone.open("/app#/new")
    buy_at = await soon(8)
    await phone.created(f"{buy_at:%H:%M:%S}", f"{buy_at + timedelta(seconds=300):%H:%M:%S}")
    await phone.tap("START")
    await phone.page.get_by_role("dialog").get_by_role("button", name="START").tap()
    await phone.open("/app")
    await phone.sees("Running (1)")  # it waited when the page was opened
    await phone.sees("below the price")
    await phone.sees("1 strategy holds shares")
    assert await phone.flaws() == []
    assert await phone.page.evaluate("document.documentElement.scrollWidth") <= 360
    await phone.picture("11-today")
    await phone.tap("Sell everything now")
    await phone.page.get_by_role("dialog").get_by_role("button", name="Sell everything").tap()
    await phone.sees("Ended (1)")
    assert phone.complaints == []


async def test_sell_everything_stops_what_runs_and_buying_can_be_allowed_again(phone: Phone) -> None:
    await phone.registered()
    await phone.connected()
    strategy = await phone.created()
    await phone.tap("START")
    await phone.page.get_by_role("dialog").get_by_role("button", name="START").tap()
    await phone.sees("waiting to buy")
    await phone.open("/app#/account")
    await phone.tap("Sell everything now")
    await phone.page.get_by_role("dialog").get_by_role("button", name="Sell everything").tap()
    await phone.sees("1 running strategy is told to sell")
    await phone.open(f"/app#/s/{strategy}")
    await phone.page.get_by_text("stopped", exact=True).first.wait_for()
    await phone.open("/app")
    await phone.sees("Your kill switch is on")
    await phone.tap("Turn it off")
    await phone.tap("Allow buying again")
    await phone.sees("Buying is allowed again.")


async def test_a_login_outlives_the_page_and_a_new_password(phone: Phone) -> None:
    await phone.registered()
    await phone.page.reload()
    await phone.is_at("Broker")
    await phone.open("/app#/account")
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
    await phone.sees("Connect your broker first")


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
    async with hook() as receiver:
        await phone.page.get_by_label("How").select_option("webhook")
        await phone.page.locator("#address").fill("not an address")
        await phone.tap("Add channel")
        await phone.sees("must be an https URL")
        phone.complaints.clear()  # the browser's own line about the refusal
        await phone.page.locator("#address").fill(receiver.url)
        await phone.tap("Add channel")
        await phone.sees("127.0.0.1 is set up: send a test.")
        secret = await phone.page.locator("code").inner_text()
        await phone.tap("Test 127.0.0.1")
        await phone.sees("It has arrived.")
        await phone.picture("10-notices")
        receiver.verify(secret)
    assert await phone.flaws() == []
    await phone.tap("Remove 127.0.0.1")
    await phone.page.get_by_role("dialog").get_by_role("button", name="Remove").tap()
    await expect(phone.button("Test 127.0.0.1")).to_have_count(0)
    assert phone.complaints == []
