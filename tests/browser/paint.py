"""How long until something is on the screen, and until a changed price is: `python -m tests.browser.paint`.

Pages are measured cold (a new browser context, nothing stored) and once the service worker has the shell, on
the whole product with two strategies, as a phone of 360 pixels. A price is changed at the paper exchange and
waited for on the page of a strategy that holds.
"""

import asyncio
import json
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import FLAGS, chromium
from tests.browser.phone import Phone
from tests.e2e.product import Product
from tests.e2e.trader import soon

LOADS = 20
PRICES = 20
BASE = 3500.0
_PAINTED = """async () => {
  const named = () => performance.getEntriesByName("first-contentful-paint")[0];
  while (!named()) await new Promise(requestAnimationFrame);
  return named().startTime;
}"""


class NoBrowser(Exception):
    """There is no Chromium, and it could not be installed."""


async def measure() -> dict[str, Any]:
    """Return `first_paint_p95_ms` of the slowest page, `price_shown_p95_ms`, and `pages` with p50 and p95.

    Raises `NoBrowser`.
    """
    path = await asyncio.to_thread(chromium)
    if path is None:
        raise NoBrowser("there is no Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="stopwatch-paint-") as directory:
        product = Product.start(Path(directory))
        try:
            await product.ready()
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
                pages = await _pages(browser, product)
                shown = await _prices(browser, product)
        finally:
            await product.end()
    slowest = max(page["p95_ms"] for page in pages.values())
    return {"first_paint_p95_ms": slowest, "price_shown_p95_ms": shown["p95_ms"], "pages": pages}


async def _pages(browser: Browser, product: Product) -> dict[str, dict[str, float]]:
    pages = {"log in, nothing stored": _row([await _cold(browser, product) for _ in range(LOADS)])}
    async with Phone.of(browser, product) as phone:
        await phone.registered()
        await phone.connected()
        places = {"list": "#/", "create": "#/new", "strategy": f"#/s/{await phone.created()}"}
        places |= {"broker": "#/broker", "account": "#/account"}
        for name, place in places.items():
            pages[name] = _row([await _load(phone, place) for _ in range(LOADS)])
    return pages


async def _prices(browser: Browser, product: Product) -> dict[str, float]:
    """Return how long changed prices take to the page of a strategy that holds."""
    await product.paper("/_paper/price", symbol="TCS", price=BASE)
    async with Phone.of(browser, product) as phone:
        await phone.registered()
        await phone.connected()
        buy_at = await soon(10)
        await phone.created(f"{buy_at:%H:%M:%S}", f"{buy_at + timedelta(seconds=300):%H:%M:%S}")
        await phone.tap("START")
        await phone.answer("START")
        await phone.page.get_by_text("holding", exact=True).wait_for()
        return _row([await _price(phone, BASE + 0.1 * (number + 1)) for number in range(PRICES)])


async def _price(phone: Phone, price: float) -> float:
    began = time.monotonic()
    await phone.product.paper("/_paper/price", symbol="TCS", price=round(price, 2))
    await phone.page.get_by_text(f"₹{price:,.2f}").first.wait_for()
    return (time.monotonic() - began) * 1000


async def _cold(browser: Browser, product: Product) -> float:
    async with Phone.of(browser, product) as stranger:
        return await _load(stranger, "#/login")


async def _load(phone: Phone, place: str) -> float:
    await phone.page.goto("about:blank")
    await phone.open(f"/app{place}")
    return float(await phone.page.evaluate(_PAINTED))


def _row(milliseconds: list[float]) -> dict[str, float]:
    p95 = statistics.quantiles(milliseconds, n=20)[-1]
    return {"p50_ms": round(statistics.median(milliseconds)), "p95_ms": round(p95)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure()), indent=1))  # noqa: T201
