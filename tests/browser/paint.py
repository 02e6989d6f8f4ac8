"""`python -m tests.browser.paint`: how long until something is on the screen, p50 and p95 of each page.

Measured cold (a new browser context, nothing stored) and once the service worker has the shell, on the whole
product with two strategies, as a phone of 360 pixels.
"""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import FLAGS, chromium
from tests.browser.phone import Phone
from tests.e2e.product import Product

LOADS = 20
_PAINTED = """async () => {
  const named = () => performance.getEntriesByName("first-contentful-paint")[0];
  while (!named()) await new Promise(requestAnimationFrame);
  return named().startTime;
}"""


async def main() -> int:
    """Print the table; 1 when a page's p95 is a second or more, 2 when there is no browser."""
    path = await asyncio.to_thread(chromium)
    if path is None:
        print("There is no Chromium: apt-get install chromium.")  # noqa: T201
        return 2
    with tempfile.TemporaryDirectory(prefix="stopwatch-paint-") as directory:
        product = Product.start(Path(directory))
        try:
            await product.ready()
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
                slowest = await _measured(browser, product)
        finally:
            await product.end()
    return 0 if slowest < 1000 else 1


async def _measured(browser: Browser, product: Product) -> float:
    slowest = 0.0
    cold = [await _cold(browser, product) for _ in range(LOADS)]
    slowest = max(slowest, _row("log in, cold", cold))
    async with Phone.of(browser, product) as phone:
        await phone.registered()
        await phone.connected()
        strategy = await phone.created()
        for place in ("#/", "#/new", f"#/s/{strategy}", "#/broker", "#/account"):
            slowest = max(
                slowest, _row(place.split("-")[0], [await _load(phone, place) for _ in range(LOADS)])
            )
    return slowest


async def _cold(browser: Browser, product: Product) -> float:
    async with Phone.of(browser, product) as stranger:
        return await _load(stranger, "#/login")


async def _load(phone: Phone, place: str) -> float:
    await phone.page.goto("about:blank")
    await phone.open(f"/app{place}")
    return float(await phone.page.evaluate(_PAINTED))


def _row(name: str, milliseconds: list[float]) -> float:
    p95 = statistics.quantiles(milliseconds, n=20)[-1]
    print(f"{name:<16} p50 {statistics.median(milliseconds):5.0f} ms   p95 {p95:5.0f} ms")  # noqa: T201
    return p95


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
