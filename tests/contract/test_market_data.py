"""What all market data promises: Kite's, from the paper exchange, and the one in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from kiteconnect import KiteConnect

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.feed import KiteFeed
from adapters.kite.feed_socket import FeedLogin
from adapters.kite.market_data import KiteMarketData
from adapters.process.clock import SystemClock
from domain.errors import BrokerUnavailable
from domain.market_data import MarketData, PriceFeed, Ticks
from tests.fakes.feed import MemoryFeed, MemoryMarketData, MemoryQuotes
from tests.paper_process import PaperProcess

PRICES = {"TCS": Decimal(3500), "INFY": Decimal(1500)}
NOWHERE = "http://127.0.0.1:1"


@dataclass
class Heard:
    """What a receiver heard: the prices by token, in order, and whether a connection was lost."""

    prices: dict[int, list[Decimal]] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)

    def on_ticks(self, ticks: Ticks) -> None:
        columns = (np.asarray(ticks.tokens).tolist(), np.asarray(ticks.raws).tolist())
        for token, raw in zip(*columns, strict=True):
            self.prices.setdefault(token, []).append(Decimal(raw) / 100)

    def on_alive(self, tokens: Collection[int]) -> None: ...

    def on_lost(self, tokens: Collection[int], reason: str) -> None:
        assert reason
        self.lost += tokens

    def on_order(self, tags: Collection[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """Market data, and an exchange whose prices a test sets and whose connections it cuts."""

    data: MarketData
    tokens: Mapping[str, int]
    price: Callable[[str, str], None]
    cut: Callable[[], None]
    mend: Callable[[], None]

    @asynccontextmanager
    async def watching(self, *symbols: str) -> AsyncIterator[tuple[PriceFeed, Heard]]:
        """Run a feed of these symbols, connected."""
        heard = Heard()
        feed = self.data.feed(heard)
        feed.watch([self.tokens[symbol] for symbol in symbols])
        running = asyncio.create_task(feed.run())
        try:
            await until(lambda: all(feed.alive(self.tokens[symbol]) for symbol in symbols))
            yield feed, heard
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the exchange is another process
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def in_memory() -> Subject:
    quotes = MemoryQuotes(SystemClock(), {f"NSE:{symbol}": price for symbol, price in PRICES.items()})
    data: MemoryMarketData = quotes.account()
    tokens = {"TCS": 257, "INFY": 513}

    def feed() -> MemoryFeed:
        return quotes.feeds[data.key]

    return Subject(
        data,
        tokens,
        lambda symbol, price: feed().tick(tokens[symbol], price),
        lambda: feed().lose(),
        lambda: feed().reconnect(),
    )


@pytest.fixture
async def on_paper(paper: PaperProcess) -> AsyncIterator[Subject]:
    pool, owner = ConnectionPool(), paper.account()
    for symbol, price in PRICES.items():
        paper.price(symbol, float(price))
    broker = KiteBroker(KiteClient(owner.api_key, owner.access_token, paper.url, pool), SystemClock(), 1)

    listed = KiteConnect(owner.api_key, owner.access_token, root=paper.url).instruments("NSE")
    tokens = {row["tradingsymbol"]: int(row["instrument_token"]) for row in listed}

    async def login() -> FeedLogin:
        return FeedLogin(owner.api_key, owner.access_token)

    data = KiteMarketData("operator", login, broker.quotes, broker.minutes, paper.ws_url, SystemClock())
    yield Subject(
        data,
        {symbol: tokens[symbol] for symbol in PRICES},
        lambda symbol, price: paper.price(symbol, float(price)),
        lambda: _ignore(paper.fault("ws_drop", seconds=1.0)),
        paper.clear_faults,
    )
    paper.clear_faults()
    pool.close()


def _ignore(_: object) -> None: ...


@pytest.fixture(params=["in_memory", "on_paper"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_quotes_leave_out_what_there_is_no_price_of(subject: Subject) -> None:
    found = await subject.data.quotes(["NSE:TCS", "NSE:NO-SUCH"])
    assert {name: quote.last_price for name, quote in found.items()} == {"NSE:TCS": PRICES["TCS"]}


def test_shares_have_two_decimal_places(subject: Subject) -> None:
    assert subject.data.places(subject.tokens["TCS"]) == 2
    assert subject.data.connections >= 1
    assert subject.data.key


async def test_a_feed_that_watches_nothing_has_no_age(subject: Subject) -> None:
    feed = subject.data.feed(Heard())
    assert feed.age is None
    assert not feed.alive(subject.tokens["TCS"])


async def test_prices_come_of_what_is_watched_and_in_their_order(subject: Subject) -> None:
    async with subject.watching("TCS") as (feed, heard):
        tcs, infy = subject.tokens["TCS"], subject.tokens["INFY"]
        assert (feed.attempted, feed.down, feed.alive(infy)) == (True, None, False)
        for price in ("3512.40", "3499.95"):
            subject.price("TCS", price)
            await until(lambda price=price: Decimal(price) in heard.prices.get(tcs, []))  # type: ignore[misc]
        seen = heard.prices[tcs]
        assert seen.index(Decimal("3512.40")) < seen.index(Decimal("3499.95"))
        assert infy not in heard.prices
        age = feed.age
        assert age is not None
        assert age < 10


async def test_a_lost_connection_is_told_and_made_again(subject: Subject) -> None:
    async with subject.watching("TCS", "INFY") as (feed, heard):
        tcs = subject.tokens["TCS"]
        subject.cut()
        await until(lambda: set(heard.lost) == set(subject.tokens.values()))
        subject.mend()
        await until(lambda: feed.alive(tcs))
        subject.price("TCS", "3333.35")
        await until(lambda: Decimal("3333.35") in heard.prices.get(tcs, []))


async def test_what_is_not_watched_any_more_is_not_alive(subject: Subject) -> None:
    async with subject.watching("TCS", "INFY") as (feed, _):
        feed.watch([subject.tokens["INFY"]])
        await until(lambda: not feed.alive(subject.tokens["TCS"]))
        assert feed.alive(subject.tokens["INFY"])


async def test_a_broker_that_is_away_is_not_one_without_prices() -> None:
    pool, in_memory = ConnectionPool(), MemoryQuotes(SystemClock(), away=True)
    of_kite = KiteBroker(KiteClient("key", "token", NOWHERE, pool), SystemClock(), 1).quotes
    for quotes in (in_memory, of_kite):
        with pytest.raises(BrokerUnavailable):
            await quotes(["NSE:TCS"])
    pool.close()


async def test_a_feed_that_reaches_no_broker_says_so_and_goes_on() -> None:
    async def login() -> FeedLogin:
        return FeedLogin("key", "token")

    in_memory = MemoryFeed(Heard(), SystemClock())
    in_memory.connected = False
    of_kite = KiteFeed("ws://127.0.0.1:1", login, Heard(), SystemClock())
    for feed in (in_memory, of_kite):
        feed.watch([257])
        running = asyncio.create_task(feed.run())
        await until(lambda feed=feed: feed.attempted and feed.down is not None)  # type: ignore[misc]
        assert not feed.alive(257)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_minutes_have_their_highest_prices(on_paper: Subject) -> None:
    now = datetime.now(UTC)
    high = Decimal(PRICES["TCS"]) + 20
    on_paper.price("TCS", str(high))
    minutes = await on_paper.data.minutes(
        on_paper.tokens["TCS"], now - timedelta(minutes=3), now + timedelta(minutes=1)
    )
    assert [one.begins for one in minutes] == sorted(one.begins for one in minutes)
    assert all(one.begins.second == 0 for one in minutes)
    assert max(one.high for one in minutes) >= high
