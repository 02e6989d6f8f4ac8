"""One product for the session, on a host whose clock is not India's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.product import Product
from tests.e2e.trader import Trader


@pytest.fixture(scope="package")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """The product, up. The host's zone is New York: no instant may depend on it."""
    running = Product.start(tmp_path_factory.mktemp("stopwatch"), TZ="America/New_York")
    try:
        yield await running.ready()
    finally:
        await running.end()


@pytest.fixture
async def trader(product: Product) -> AsyncIterator[Trader]:
    """A new user with a connected paper account."""
    someone = await Trader.signed_up(product)
    try:
        yield someone
    finally:
        await someone.http.aclose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path
