"""A phone: Debian's Chromium, headless, in front of the whole product."""

import asyncio
import os
import shutil
import subprocess
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.phone import Phone
from tests.e2e.product import Product

NOT_THERE = "the app was NOT tested: there is no Chromium, and apt-get could not install one"


def _chromium() -> str | None:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    quiet = {
        "capture_output": True,
        "check": False,
        "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    }
    subprocess.run(["apt-get", "update"], timeout=120, **quiet)  # type: ignore[call-overload]
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
    subprocess.run(install, timeout=300, **quiet)  # type: ignore[call-overload]
    return shutil.which("chromium")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = await asyncio.to_thread(_chromium)
    if path is None:
        warnings.warn(NOT_THERE, stacklevel=1)
        pytest.skip(NOT_THERE)
    async with async_playwright() as playwright:
        # As root Chromium's own sandbox cannot be had; the pages are ours.
        started = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest.fixture(scope="session")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    running = Product.start(tmp_path_factory.mktemp("stopwatch"))
    try:
        yield await running.ready()
    finally:
        await running.end()


@pytest.fixture
async def phone(browser: Browser, product: Product, tmp_path: Path) -> AsyncIterator[Phone]:
    """A small phone, 360 pixels wide."""
    async with Phone.of(browser, product) as held:
        yield held
