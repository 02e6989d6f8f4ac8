"""The listener on the paper exchange: the real feed, quotes and instruments; only signals are caught."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.feed_socket import FeedLogin
from adapters.kite.instruments import KiteInstruments
from adapters.kite.market_data import KiteMarketData
from adapters.kite.operator_login import OperatorLogin
from adapters.process.clock import SystemClock
from domain.ports import Broker
from domain.strategy import Phase, Position
from listener.accounts import OneForAll
from listener.service import Listener
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.feed import MemoryMembers, MemoryMinutes, MemoryMoves, MemoryPriceCache, MemorySignals
from tests.fakes.held_stops import MemoryHeldStops
from tests.fakes.stops import MemoryFastStops
from tests.fakes.watch_list import MemoryWatchList, watched
from tests.paper_process import PaperProcess


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess() as paper:
        yield paper


class Floor:
    """A listener on the floor of the paper exchange."""

    def __init__(self, paper: PaperProcess, wire: ConnectionPool) -> None:
        self.paper = paper
        self.watch_list = MemoryWatchList()
        self.clock = SystemClock()
        self.signals = MemorySignals(self.clock)
        self.cache = MemoryPriceCache()
        self.alerts = MemoryAlerts()
        account = paper.account()
        login = FeedLogin(account.api_key, account.access_token)

        def open_broker(found: FeedLogin) -> Broker:
            calls = KiteClient(found.api_key, found.access_token, paper.url, wire)
            return KiteBroker(calls, self.clock)

        operator = OperatorLogin(lambda: login, open_broker)
        self.listener = Listener(
            self.watch_list,
            OneForAll(KiteMarketData.of_operator(operator, paper.ws_url, self.clock)),
            KiteInstruments(paper.url, self.clock),
            self.signals,
            MemoryFastStops(self.clock),
            MemoryMembers(self.clock),
            "the only one",
            self.cache,
            MemoryMinutes(),
            self.alerts,
            self.clock,
            MemoryMoves(),
            MemoryHeldStops(self.clock),
        )

    async def until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the world outside has no event for it
                await asyncio.sleep(0.01)

    async def until_shown(self) -> None:
        """Wait until each strategy's last price is on the screen: its instrument is followed."""
        await self.until(lambda: len(self.cache.prices) >= len(self.watch_list.running))

    async def until_only_ticks_tell(self) -> None:
        """Wait until the questions of the beginning are answered, so that only a fault makes new ones."""
        await self.until_shown()
        calm = self.clock.monotonic() + 2.5
        await self.until(lambda: self.clock.monotonic() > calm)


@pytest.fixture
async def floor(paper: PaperProcess) -> AsyncIterator[Floor]:
    for symbol in ("TCS", "INFY", "SBIN", "ITC"):
        paper.price(symbol, 3600)
    wire = ConnectionPool()
    floor = Floor(paper, wire)
    task = asyncio.create_task(floor.listener.run())
    await floor.listener.until_ready()
    yield floor
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    wire.close()
    paper.clear_faults()
    paper.clear_rows()


async def test_price_at_the_stop_signals_its_run_and_nobody_else(floor: Floor) -> None:
    hit = floor.watch_list.put(watched("TCS", "3500"))
    lower = floor.watch_list.put(watched("TCS", "3400"))
    other = floor.watch_list.put(watched("INFY", "3500"))
    await floor.until_shown()
    floor.paper.price("TCS", 3500)
    await floor.until(lambda: bool(floor.signals.sent))
    floor.paper.price("TCS", 3400)
    await floor.until(lambda: len({sent.strategy_id for sent in floor.signals.sent}) == 2)
    assert {sent.strategy_id for sent in floor.signals.sent} == {hit.strategy_id, lower.strategy_id}
    assert other.strategy_id not in {sent.strategy_id for sent in floor.signals.sent}


async def test_fall_beyond_the_old_circuit_limits_still_sells(floor: Floor) -> None:
    one = floor.watch_list.put(watched("TCS", "3500"))
    await floor.until_shown()
    floor.paper.price("TCS", 2000)  # 44 % down: the exchange moved its limits along
    await floor.until(lambda: any(sent.strategy_id == one.strategy_id for sent in floor.signals.sent))


async def test_price_that_fell_while_the_feed_was_down_is_judged(floor: Floor) -> None:
    one = floor.watch_list.put(watched("TCS", "3500"))
    await floor.until_only_ticks_tell()
    floor.paper.fault("ws_drop", seconds=60)
    floor.paper.price("TCS", 3450)
    await floor.until(lambda: any(sent.strategy_id == one.strategy_id for sent in floor.signals.sent))


async def test_price_that_fell_while_the_feed_was_silent_is_judged(floor: Floor) -> None:
    one = floor.watch_list.put(watched("TCS", "3500"))
    await floor.until_only_ticks_tell()
    floor.paper.fault("ws_silent", seconds=60)
    floor.paper.price("TCS", 3450)
    await floor.until(lambda: any(sent.strategy_id == one.strategy_id for sent in floor.signals.sent))


async def test_stop_is_acted_on_while_the_feed_is_silent_and_its_neighbours_quote_is_null(
    floor: Floor,
) -> None:
    neighbour, one = (
        floor.watch_list.put(watched("ITC", "3500")),
        floor.watch_list.put(watched("SBIN", "3500")),
    )
    await floor.until_only_ticks_tell()
    floor.paper.row("/quote", {"NSE:ITC": None})
    floor.paper.fault("ws_silent", seconds=60)
    floor.paper.price("SBIN", 3450)
    await floor.until(lambda: any(sent.strategy_id == one.strategy_id for sent in floor.signals.sent), 15)
    await floor.until(lambda: any(alarm.kind == "stop_unwatched" for alarm in floor.alerts.raised))
    [alarm] = [alarm for alarm in floor.alerts.raised if alarm.kind == "stop_unwatched"]
    assert alarm.data["instruments"] == "NSE:ITC"
    assert alarm.strategy_id == neighbour.strategy_id
    assert "no readable price" in alarm.text


async def test_garbage_frames_sell_nothing(floor: Floor) -> None:
    floor.watch_list.put(watched("TCS", "3500"))
    await floor.until_shown()
    floor.paper.fault("ws_garbage", seconds=2)
    marker = floor.watch_list.put(watched("INFY", "3500"))
    await asyncio.sleep(2)  # the garbage itself: there is no event for its having been ignored
    floor.paper.clear_faults()
    floor.paper.price("INFY", 3450)
    await floor.until(lambda: bool(floor.signals.sent))
    assert {sent.strategy_id for sent in floor.signals.sent} == {marker.strategy_id}


async def test_exchange_that_stood_still_is_caught_up_with(floor: Floor) -> None:
    one = floor.watch_list.put(watched("TCS", "3500"))
    await floor.until_shown()
    os.kill(floor.paper.pid, signal.SIGSTOP)
    try:
        await floor.until(lambda: bool(floor.alerts.raised))
        assert "STOPS ARE NOT WATCHED" in floor.alerts.raised[0].text
    finally:
        os.kill(floor.paper.pid, signal.SIGCONT)
    floor.paper.price("TCS", 3450)
    await floor.until(lambda: any(sent.strategy_id == one.strategy_id for sent in floor.signals.sent))


async def test_thousand_stops_of_one_price_are_all_signalled(floor: Floor) -> None:
    many = [watched("TCS", "3500") for _ in range(1_000)]
    for one in many:
        floor.watch_list.put(one)
    await floor.until_shown()
    floor.paper.price("TCS", 3499)
    await floor.until(lambda: len(floor.signals.sent) >= 1_000)
    assert {sent.strategy_id for sent in floor.signals.sent} == {one.strategy_id for one in many}


async def test_stop_above_the_price_is_hit_when_the_position_opens(floor: Floor) -> None:
    one = floor.watch_list.put(watched("TCS", "3700", position=Position.NONE, phase=Phase.ENTERING))
    await floor.until_shown()
    assert floor.signals.tried == 0
    floor.watch_list.change(one, position=Position.BOUGHT)
    await floor.until(lambda: bool(floor.signals.sent), 5)
