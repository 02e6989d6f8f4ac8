"""One product for the session, on a host whose clock is not India's."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
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
async def calm(product: Product) -> AsyncIterator[None]:
    """TCS at a price above every stop of these tests, before and after: files share the product."""
    await product.paper("/_paper/price", symbol="TCS", price=3550)
    yield
    await product.paper("/_paper/price", symbol="TCS", price=3550)
    async with httpx.AsyncClient(base_url=product.endpoints["paper"]) as paper:
        await paper.delete("/_paper/faults")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path
