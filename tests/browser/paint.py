"""How long until something is on the screen, p50 and p95 of each page: `python -m tests.browser.paint`.

Measured cold (a new browser context, nothing stored) and once the service worker has the shell, on the whole
product with two strategies, as a phone of 360 pixels.
"""

import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

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


class NoBrowser(Exception):
    """There is no Chromium, and it could not be installed."""


async def measure() -> dict[str, Any]:
    """Return `first_paint_p95_ms` of the slowest page, and `pages`: `{page: {p50_ms, p95_ms}}`.

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
        finally:
            await product.end()
    return {"first_paint_p95_ms": max(page["p95_ms"] for page in pages.values()), "pages": pages}


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
