"""Two-factor login, turned on and used by taps alone."""

import pyotp
import pytest

from tests.browser.phone import PASSWORD, Phone

pytestmark = [pytest.mark.proof, pytest.mark.timeout(180)]


async def test_two_factor_is_set_up_by_a_picture_and_asked_for_at_the_next_login(phone: Phone) -> None:
    await phone.registered()
    await phone.open("/app#/account")
    await phone.unfold("Two-factor login")
    await phone.type("Password, to set codes up", PASSWORD)
    await phone.tap("Set up")
    picture = phone.page.get_by_alt_text("A QR code of the key below")
    await picture.wait_for()
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    await phone.usable("two-factor")
    app = pyotp.TOTP(await phone.page.locator("p > code").first.inner_text())
    await phone.type("The code that the app shows", app.now())
    await phone.tap("Turn on")
    await phone.sees("These recovery codes are shown only now")
    recovery = await phone.page.locator(".codes code").first.inner_text()
    await phone.tap("I have kept them")
    await phone.tap("Log out")
    await phone.is_at("Log in")
    await phone.type("E-mail", phone.email)
    await phone.type("Password", PASSWORD)
    await phone.tap("Log in")
    await phone.sees("one-time code")
    await phone.type("One-time code", recovery)
    await phone.tap("Log in")
    await phone.is_at("Today")
