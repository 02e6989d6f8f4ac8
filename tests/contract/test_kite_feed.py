"""The feed against the paper exchange: ticks, lost and silent connections, garbage, and a dead token."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from kiteconnect import KiteConnect

from adapters.kite.feed import FeedState, KiteFeed
from adapters.kite.feed_socket import FeedLogin, FeedTimes
from adapters.kite.ticks import Ticks as KiteTicks
from adapters.process.clock import SystemClock
from domain.errors import LoginNeeded
from domain.market_data import Ticks
from tests.paper_process import PaperAccount, PaperProcess

QUICK = FeedTimes(silent=3.0, reconnect=0.2, refused=0.2)


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as paper:
        yield paper


@pytest.fixture(autouse=True)
def no_faults(paper: PaperProcess) -> Iterator[None]:
    yield
    paper.clear_faults()


class Heard:
    """What a receiver heard, in order."""

    def __init__(self) -> None:
        self.prices: dict[int, Decimal] = {}
        self.events: list[str] = []
        self.orders: list[frozenset[str]] = []
        self.fails = False

    def on_ticks(self, ticks: Ticks) -> None:
        assert isinstance(ticks, KiteTicks)
        self.prices.update({tick.token: tick.price for tick in ticks})
        if self.fails:
            raise KeyError("a bug in whoever listens")

    def on_alive(self, tokens: Collection[int]) -> None:
        self.events.append("alive")

    def on_lost(self, tokens: Collection[int], reason: str) -> None:
        self.events.append("lost")

    def on_order(self, tags: Collection[str]) -> None:
        self.orders.append(frozenset(tags))


class Room:
    """A feed for one account of the paper exchange."""

    def __init__(self, paper: PaperProcess) -> None:
        self.paper = paper
        self.account: PaperAccount = paper.account()
        self.kite = KiteConnect(self.account.api_key, self.account.access_token, root=paper.url)
        self.heard = Heard()
        self.logins = 0
        self.login_needed = False
        self.feed = KiteFeed(paper.ws_url, self.login, self.heard, SystemClock(), QUICK)

    async def login(self) -> FeedLogin:
        self.logins += 1
        if self.login_needed:
            raise LoginNeeded("no token is stored")
        return FeedLogin(self.account.api_key, self.account.access_token)

    def token(self, symbol: str) -> int:
        rows = self.kite.instruments("NSE")
        return next(int(row["instrument_token"]) for row in rows if row["tradingsymbol"] == symbol)

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the world outside has no event for it
                await asyncio.sleep(0.01)

    async def until_price(self, token: int, symbol: str, price: str) -> None:
        await self.until(lambda: self.feed.alive(token))
        self.paper.price(symbol, float(price))
        await self.until(lambda: self.heard.prices.get(token) == Decimal(price))


@asynccontextmanager
async def connected(paper: PaperProcess, *symbols: str) -> AsyncIterator[tuple[Room, list[int]]]:
    room = Room(paper)
    tokens = [room.token(symbol) for symbol in symbols]
    room.feed.watch(tokens)
    task = asyncio.create_task(room.feed.run())
    try:
        yield room, tokens
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_prices_come_for_what_is_watched_and_follow_a_change_of_mind(paper: PaperProcess) -> None:
    async with connected(paper, "TCS") as (room, [tcs]):
        await room.until_price(tcs, "TCS", "3512.40")
        infy = room.token("INFY")
        assert infy not in room.heard.prices
        room.feed.watch([tcs, infy])
        await room.until_price(infy, "INFY", "1500.05")
        room.feed.watch([infy])
        await room.until(lambda: not room.feed.alive(tcs))
        await room.until_price(infy, "INFY", "1501")  # by now the broker has read the change
        paper.price("TCS", 3600)
        await room.until_price(infy, "INFY", "1502")
        assert room.heard.prices[tcs] != 3600
        assert room.feed.state is FeedState.ALIVE
        assert room.feed.down is None


async def test_dropped_connection_is_made_again_with_its_subscriptions(paper: PaperProcess) -> None:
    async with connected(paper, "TCS", "INFY") as (room, [tcs, infy]):
        await room.until_price(tcs, "TCS", "3510")
        paper.fault("ws_drop", seconds=0.5)
        await room.until(lambda: room.heard.events[:2] == ["alive", "lost"])
        paper.clear_faults()
        await room.until_price(tcs, "TCS", "3511")
        await room.until_price(infy, "INFY", "1511")


async def test_silent_connection_counts_as_lost_though_the_socket_stays_open(paper: PaperProcess) -> None:
    async with connected(paper, "TCS") as (room, [tcs]):
        await room.until_price(tcs, "TCS", "3510")
        age = room.feed.age
        assert age is not None
        assert age <= QUICK.silent
        paper.fault("ws_silent", seconds=QUICK.silent + 2)
        await room.until(lambda: (room.feed.age or 0) > QUICK.silent / 2)
        await room.until(lambda: "lost" in room.heard.events)
        paper.clear_faults()
        await room.until_price(tcs, "TCS", "3511")


async def test_heartbeats_alone_keep_a_connection_alive(paper: PaperProcess) -> None:
    async with connected(paper, "TCS") as (room, [tcs]):
        room.feed.watch([tcs])
        await room.until(lambda: room.feed.alive(tcs))
        room.feed.watch([4])  # no such instrument: nothing but heartbeats comes
        loop = asyncio.get_running_loop()
        later = loop.time() + QUICK.silent * 2
        await room.until(lambda: loop.time() > later)
        assert room.heard.events == ["alive"]


def test_a_feed_that_nobody_needs_has_no_age(paper: PaperProcess) -> None:
    assert Room(paper).feed.age is None


async def test_garbage_is_dropped_and_the_feed_goes_on(paper: PaperProcess) -> None:
    async with connected(paper, "TCS") as (room, [tcs]):
        await room.until_price(tcs, "TCS", "3510")
        paper.fault("ws_garbage", seconds=1)
        await room.until(lambda: room.feed.dropped > 0)
        paper.clear_faults()
        await room.until_price(tcs, "TCS", "3511")
        assert all(price > 0 for price in room.heard.prices.values())


async def test_receiver_that_raises_does_not_drop_the_connection(paper: PaperProcess) -> None:
    async with connected(paper, "TCS") as (room, [tcs]):
        await room.until_price(tcs, "TCS", "3510")
        room.heard.fails = True
        paper.price("TCS", 3511)
        await room.until(lambda: room.heard.prices[tcs] == Decimal(3511))
        room.heard.fails = False
        await room.until_price(tcs, "TCS", "3512")
        assert room.heard.events == ["alive"]


async def test_dead_token_is_told_apart_and_the_next_login_is_used(
    paper: PaperProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with connected(paper, "TCS") as (room, [tcs]):
        await room.until_price(tcs, "TCS", "3510")
        secrets = [room.account.access_token, room.account.api_key]
        new = paper.account(room.account.user_id)  # the morning login: the old token is dead
        await room.until(lambda: room.feed.state is FeedState.LOGIN_NEEDED)
        assert room.feed.down is not None
        assert "log in" in room.feed.down
        assert "more than three price connections" in room.feed.down, "the broker answers both alike"
        room.account = new
        await room.until_price(tcs, "TCS", "3511")
        assert room.logins >= 2
        for secret in [*secrets, new.access_token]:
            assert secret not in caplog.text


async def test_account_that_must_log_in_is_waited_for(paper: PaperProcess) -> None:
    async with connected(paper, "TCS") as (room, [tcs]):
        room.login_needed = True
        paper.fault("ws_drop", seconds=0.5)
        await room.until(lambda: room.feed.state is FeedState.LOGIN_NEEDED)
        room.login_needed = False
        await room.until_price(tcs, "TCS", "3511")


async def test_feed_connects_when_the_exchange_comes_up_after_it() -> None:
    late = PaperProcess()
    heard = Heard()

    async def login() -> FeedLogin:
        return FeedLogin("key", "token")

    feed = KiteFeed(late.ws_url, login, heard, SystemClock(), QUICK)
    feed.watch([2953217])
    task = asyncio.create_task(feed.run())
    try:
        async with asyncio.timeout(20):
            while not feed.attempted:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert "cannot be reached" in str(feed.down)
            await asyncio.to_thread(late.start)
            while "refuses the price feed" not in str(feed.down):  # noqa: ASYNC110 - it knows no such account
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        late.stop()


async def test_order_updates_are_passed_on(paper: PaperProcess) -> None:
    async with connected(paper, "TCS") as (room, [tcs]):
        await room.until_price(tcs, "TCS", "3510")
        await asyncio.to_thread(
            room.kite.place_order,
            variety="regular",
            exchange="NSE",
            tradingsymbol="TCS",
            transaction_type="BUY",
            quantity=1,
            product="CNC",
            order_type="MARKET",
            market_protection=-1,
            tag="FEED",
        )
        await room.until(lambda: any("FEED" in tags for tags in room.heard.orders))


def test_instruments_beyond_three_connections_are_named() -> None:
    async def login() -> FeedLogin:
        return FeedLogin("key", "token")

    feed = KiteFeed("ws://127.0.0.1:1", login, Heard(), SystemClock())
    feed.watch(range(1, 9_011))
    assert len(feed.uncovered) == 10
    feed.watch(range(5_000, 9_011))
    assert feed.uncovered == frozenset()


def test_login_hides_its_token() -> None:
    assert "t0k3n" not in repr(FeedLogin("key", "t0k3n"))
