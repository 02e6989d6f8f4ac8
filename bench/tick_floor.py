"""The floor of the tick benchmarks: 3,000 instruments, 100,000 stops, and a price monitor over them."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np

from adapters.kite.ticks import places
from domain.instrument import Instrument, Segment
from domain.market_data import Minute, PriceFeed, PriceReceiver, Quotes
from domain.ports import Clock, FastStops, StopSignals
from domain.quote import Quote
from domain.terms import Distance, Target, Terms, Trail, Unit
from domain.watched_strategy import WatchedStrategy
from listener.dispatcher import Dispatcher
from listener.price_monitor import PriceMonitor
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.watch_list import watched

INSTRUMENTS = 3_000
STOPS = 100_000
OpenFeed = Callable[[PriceReceiver], PriceFeed]
PRICES = (100_000, 400_000)
"""Paise in which ordinary shares trade; their stops lie 10 to 30 % below the lowest."""

_ABOVE = Decimal(PRICES[1]).scaleb(-2)
_HELD = {"entry": Decimal(PRICES[0]).scaleb(-2), "tick": Decimal("0.05")}
MIXED: tuple[dict[str, Any], ...] = (
    {},
    {"terms": Terms(target=Target(price=_ABOVE + 100))},
    # Its peak is above every price that comes: a stop that stands, as most do at any moment.
    {"terms": Terms(trail=Trail(by=Distance(_ABOVE, Unit.POINTS))), "peak": _ABOVE, **_HELD},
)
"""What strategies say beside their stop, by turns: nothing, a target, a trail."""


@dataclass(frozen=True)
class Share:
    """A listed share. A probe's stop is so high that its first tick crosses it, whatever it costs."""

    token: int
    name: str
    probe: bool = False

    @property
    def instrument(self) -> str:
        return f"NSE:{self.name}"


def shares(probes: int = 0) -> list[Share]:
    """Return the listed shares, the last ones probes; tokens as Zerodha's: in any order, NSE's segment."""
    numbers = np.random.default_rng(7).choice(np.arange(1, 200_000), INSTRUMENTS, replace=False).tolist()
    first_probe = INSTRUMENTS - probes
    return [Share(number * 256 + 1, f"S{at}", at >= first_probe) for at, number in enumerate(numbers)]


def ltp_frame(tokens: Sequence[int], prices: Sequence[int]) -> bytes:
    """Return one of Kite's frames in mode `ltp`."""
    rows = np.zeros(len(tokens), dtype=[("length", ">u2"), ("token", ">u4"), ("price", ">u4")])
    rows["length"], rows["token"], rows["price"] = 8, tokens, prices
    return struct.pack(">H", len(tokens)) + rows.tobytes()


def stops(listed: Sequence[Share]) -> list[WatchedStrategy]:
    """Return strategies that hold shares, spread over the ordinary ones, and one for each probe."""
    ordinary = [share for share in listed if not share.probe]
    below = np.random.default_rng(8).integers(PRICES[0] * 7 // 10, PRICES[0] * 9 // 10, STOPS).tolist()
    user = UUID(int=1)
    template = watched(user_id=user)
    held = [
        _held(template, number, ordinary[number % len(ordinary)], below[number]) for number in range(STOPS)
    ]
    probes = [share for share in listed if share.probe]
    return held + [_held(template, STOPS + at, share, 2**31 - 1) for at, share in enumerate(probes)]


def _held(template: WatchedStrategy, number: int, share: Share, paise: int) -> WatchedStrategy:
    return replace(
        template,
        strategy_id=UUID(int=number + 1),
        symbol=share.name,
        stop_loss=Decimal(paise).scaleb(-2),
        run_id=str(number),
        **({} if share.probe else MIXED[number % len(MIXED)]),
    )


class Listing:
    """Implements `domain.ports.Instruments` for the shares."""

    def __init__(self, listed: Sequence[Share]) -> None:
        self._listed = {share.name: share for share in listed}

    async def find(self, exchange: str, symbol: str) -> Instrument | None:
        token = self._listed[symbol].token
        return Instrument(exchange, symbol, symbol, token, Decimal("0.05"), 1, Segment.CASH)

    async def search(self, query: str, limit: int) -> Sequence[Instrument]:
        return []


@dataclass(frozen=True)
class FloorMarketData:
    """Implements `domain.market_data.MarketData` over the feed that a benchmark opens."""

    open_feed: OpenFeed
    quotes: Quotes
    key: str = "bench"
    connections: int = 3

    async def minutes(self, token: int, since: datetime, until: datetime) -> Sequence[Minute]:
        return ()

    def places(self, token: int) -> int:
        return places(token)

    def feed(self, receiver: PriceReceiver) -> PriceFeed:
        return self.open_feed(receiver)


def market_data(listed: Sequence[Share], open_feed: OpenFeed) -> FloorMarketData:
    """Return the account whose REST quotes state circuit limits for all but the probes."""
    by_name = {share.instrument: share for share in listed}

    async def quotes(instruments: Sequence[str]) -> Mapping[str, Quote]:
        return {name: _quote(by_name[name]) for name in instruments}

    return FloorMarketData(open_feed, quotes)


def _quote(share: Share) -> Quote:
    last = Decimal(2**31 - 1 if share.probe else PRICES[0]).scaleb(-2) + 1
    lower, upper = (None, None) if share.probe else (last / 2, last * 5)
    return Quote(last, lower, upper, datetime.now(UTC))


def price_monitor(
    listed: Sequence[Share], open_feed: OpenFeed, signals: StopSignals, fast: FastStops, clock: Clock
) -> tuple[PriceMonitor, Dispatcher]:
    """Return the listener's price monitor with every stop armed, and the dispatcher it tells of hit stops."""
    dispatcher = Dispatcher(signals, fast, clock, lambda gone: None)
    made = PriceMonitor(
        market_data(listed, open_feed),
        Listing(listed),
        dispatcher,
        MemoryAlerts(),
        clock,
        lambda *, foreign: None,
    )
    for one in stops(listed):
        made.follow(one)
    return made, dispatcher
