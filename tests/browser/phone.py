"""A user with a phone in the hand: taps, words on the screen, and whatever the browser complains of."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self
from uuid import uuid4

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from tests.e2e.product import Product

SMALL = ViewportSize(width=360, height=740)
SIZES = (SMALL, ViewportSize(width=390, height=844), ViewportSize(width=1280, height=900))
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PICTURES = os.environ.get("STOPWATCH_PICTURES")
"""A directory to keep the pictures of the journey in, for the README."""
SHOWN = Path("docs/pictures")
_FIXED = """() => [...document.querySelectorAll("h1, h2, button, label, summary, dt, nav a")]
  .filter((one) => one.checkVisibility()).map((one) => one.innerText.trim()).filter(Boolean)"""
_VARIES = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|[₹×]?[\d.,:]+")
"""Ids, amounts and times: they are other ones each time."""
PATIENCE = 30_000
READING = 600
"""A question takes no answer for half a second, in which nobody has read it."""
PASSWORD = "correct horse battery"


@dataclass
class Phone:
    """One browser without a past. `complaints` is what its console said and what its pages threw."""

    page: Page
    product: Product
    complaints: list[str] = field(default_factory=list)
    email: str = field(default_factory=lambda: f"{uuid4().hex[:12]}@example.com")

    @classmethod
    @asynccontextmanager
    async def of(
        cls, browser: Browser, product: Product, size: ViewportSize = SMALL, scheme: Any = "light"
    ) -> AsyncIterator[Self]:
        context = await browser.new_context(
            viewport=size,
            color_scheme=scheme,
            has_touch=True,
            device_scale_factor=2 if size["width"] < 500 else 1,
            locale="en-IN",
        )
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        phone = cls(page, product)
        page.on("pageerror", lambda error: phone.complaints.append(str(error)))
        page.on("console", lambda said: phone.complaints.append(said.text) if said.type == "error" else None)
        yield phone
        await context.close()

    async def open(self, place: str = "/app") -> None:
        await self.page.goto(self.product.endpoints["api"] + place)

    def button(self, words: str) -> Locator:
        return self.page.get_by_role("button", name=words, exact=True)

    async def tap(self, words: str) -> None:
        """Tap the button or link that reads so."""
        named = self.button(words).or_(self.page.get_by_role("link", name=words, exact=True))
        await named.first.tap()

    async def unfold(self, title: str) -> None:
        """Open a part of the screen that is folded."""
        await self.page.locator("summary", has_text=title).first.tap()

    async def type(self, label: str, words: str) -> None:
        await self.page.get_by_label(label, exact=False).first.fill(words)

    async def sees(self, words: str) -> None:
        await expect(self.page.get_by_text(words).first).to_be_visible(timeout=PATIENCE)

    async def is_at(self, title: str) -> None:
        await expect(self.page.get_by_role("heading", level=1, name=title)).to_be_visible(timeout=PATIENCE)

    async def picture(self, name: str) -> None:
        """Keep what the screen shows, where pictures are kept; else see that a kept one still shows the same.

        Beside a picture lie the words of its screen that do not depend on the day: titles, buttons, labels.
        """
        words = await self._fixed_words()
        if PICTURES:
            await self.page.screenshot(path=Path(PICTURES) / f"{name}.png")
            (Path(PICTURES) / f"{name}.txt").write_text(words)
            return
        kept = SHOWN / f"{name}.txt"
        if kept.exists():
            assert kept.read_text() == words, f"{name}.png is stale: take it with STOPWATCH_PICTURES={SHOWN}"

    async def _fixed_words(self) -> str:
        found: list[str] = await self.page.evaluate(_FIXED)
        lines = {_VARIES.sub("0", one) for one in found}
        return "".join(f"{line}\n" for line in sorted(lines))

    async def flaws(self) -> list[str]:
        """Return what axe finds serious on this screen, in words."""
        found = await Axe().run(self.page)
        return [
            f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:120]})"
            for one in found.response["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    async def usable(self, what: str) -> None:
        """Fail unless the screen as it is can be used by everybody: on each size, light and dark."""
        for size in SIZES:
            await self.page.set_viewport_size(size)
            width = await self.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], f"{what}: {width} wide on {size['width']}"
            for scheme in SCHEMES:
                await self.page.emulate_media(color_scheme=scheme)
                flaws = await self.flaws()
                assert flaws == [], f"{what}, {size['width']}, {scheme}: {flaws}"
            if PICTURES:
                name = "".join(letter if letter.isalnum() else "-" for letter in what)
                await self.picture(f"state-{name}-{size['width']}")
        await self.page.set_viewport_size(SMALL)
        await self.page.emulate_media(color_scheme="light")

    async def answer(self, words: str) -> None:
        """Tap a button of the open question, once it takes an answer."""
        await self.page.get_by_role("dialog").wait_for()
        await self.page.wait_for_timeout(READING)
        await self.page.get_by_role("dialog").get_by_role("button", name=words).first.tap()

    async def registered(self) -> None:
        await self.open()
        await self.tap("Create an account")
        await self.is_at("Create an account")  # the screen before has a field of the same name
        await self.type("E-mail", self.email)
        await self.type("Password", PASSWORD)
        await self.tap("Create account")
        await self.is_at("Broker")

    async def paper_account(self) -> dict[str, Any]:
        """Return a new account of the paper exchange, whose login page leads back to the product."""
        back = f"{self.product.endpoints['api']}/broker/callback"
        account: dict[str, Any] = await self.product.paper(
            "/_paper/accounts", cash=10_000_000, redirect_url=back
        )
        return account

    async def connected(self) -> dict[str, Any]:
        """Connect a new paper account by typing its keys; return it."""
        account = await self.paper_account()
        await self.type("API key", account["api_key"])
        await self.type("Secret key", account["api_secret"])
        await self.type("Access token", account["access_token"])
        await self.tap("Connect")
        await self.is_at("New strategy")
        await self.sees("Your paper account is connected.")
        return account

    async def created(self, buy_time: str = "00:00:05", sell_time: str = "00:00:06") -> str:
        """Type a strategy of TCS ×10 with a stop of 3000, for tomorrow without times; return its id."""
        await self.type("Symbol", "TCS")
        await self.type("Buy at", buy_time)
        await self.type("Sell at", sell_time)
        await self.page.get_by_label("Stop in").select_option("price")
        await self.type("Stop-loss", "3000")
        await self.type("Quantity", "10")
        await self.tap("Create")
        await self.is_at("TCS ×10")
        return self.page.url.rpartition("/")[2]
