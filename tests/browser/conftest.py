"""A phone: Debian's Chromium, headless, in front of the whole product."""

import asyncio
import warnings
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.chromium import FLAGS, chromium
from tests.browser.phone import Phone
from tests.e2e.product import Product

NOT_THERE = "the app was NOT tested: there is no Chromium, and apt-get could not install one"


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = await asyncio.to_thread(chromium)
    if path is None:
        warnings.warn(NOT_THERE, stacklevel=1)
        pytest.skip(NOT_THERE)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        await started.close()


@pytest.fixture(scope="package")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    running = Product.start(tmp_path_factory.mktemp("stopwatch"))
    try:
        yield await running.ready()
    finally:
        await running.end()


@pytest.fixture
async def phone(browser: Browser, product: Product) -> AsyncIterator[Phone]:
    """A small phone, 360 pixels wide."""
    async with Phone.of(browser, product) as held:
        yield held
