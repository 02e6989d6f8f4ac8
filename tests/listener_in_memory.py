"""A listener with everything around it in memory."""

import asyncio
from decimal import Decimal

from domain.watched_strategy import WatchedStrategy
from listener.accounts import Accounts, EachTheirOwn, OneForAll
from listener.service import Listener
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.feed import (
    MemoryFeed,
    MemoryMembers,
    MemoryMinutes,
    MemoryMoves,
    MemoryPriceCache,
    MemoryQuotes,
    MemorySignals,
)
from tests.fakes.held_stops import MemoryHeldStops
from tests.fakes.instruments import EveryInstrument
from tests.fakes.manual_clock import ManualClock
from tests.fakes.stops import MemoryFastStops
from tests.fakes.watch_list import MemoryWatchList

TCS = "NSE:TCS"


class House:
    """A listener with everything around it in memory. TCS trades at 3,600 between 2,800 and 4,200."""

    def __init__(self, own_accounts: bool = False) -> None:
        self.clock = ManualClock()
        self.watch_list = MemoryWatchList()
        self.quotes = MemoryQuotes(self.clock, {TCS: Decimal(3600)})
        self.signals = MemorySignals(self.clock)
        self.fast = MemoryFastStops(self.clock)
        self.instruments = EveryInstrument("DELISTED")
        self.cache = MemoryPriceCache()
        self.minutes = MemoryMinutes()
        self.alerts = MemoryAlerts()
        self.moves = MemoryMoves()
        self.stops = MemoryHeldStops(self.clock)
        accounts: Accounts = OneForAll(self.quotes.account())
        if own_accounts:
            accounts = EachTheirOwn(lambda user_id: self.quotes.account(str(user_id)))
        self.listener = Listener(
            self.watch_list,
            accounts,
            self.instruments,
            self.signals,
            self.fast,
            MemoryMembers(self.clock),
            "the only one",
            self.cache,
            self.minutes,
            self.alerts,
            self.clock,
            self.moves,
            self.stops,
        )

    @property
    def feeds(self) -> dict[str, MemoryFeed]:
        return self.quotes.feeds

    @property
    def feed(self) -> MemoryFeed:
        return self.feeds["feed"]

    async def start(self, *running: WatchedStrategy) -> None:
        for one in running:
            self.watch_list.running[one.strategy_id] = one
        self.task = asyncio.create_task(self.listener.run())
        await self.clock.advance(0.1)

    async def tick(self, *prices: str, name: str = TCS, feed: MemoryFeed | None = None) -> None:
        (feed or self.feed).tick(self.instruments.token(name), *prices)
        await self.clock.advance(0.1)

    def stopped(self) -> list[WatchedStrategy]:
        """Return who was signalled, each once."""
        ids = dict.fromkeys(sent.strategy_id for sent in self.signals.sent)
        return [self.watch_list.running[strategy_id] for strategy_id in ids]

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
