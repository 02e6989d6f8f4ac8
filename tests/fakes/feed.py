"""A price feed, REST quotes, signals, leases and last prices in memory, for the listener."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from adapters.kite.ticks import Tick, Ticks, places
from domain.errors import BrokerUnavailable, CacheUnavailable, StoreUnavailable, Unavailable
from domain.market_data import Minute, PriceReceiver
from domain.minute_price import MinutePrice
from domain.ports import Clock, ListenerState
from domain.quote import Quote
from domain.run import PriceHit
from domain.trigger import TriggerKind
from domain.watched_strategy import WatchedStrategy


@dataclass
class MemoryMoves:
    """Keeps the users whose accounts are to be read soon; `away` fails, as a lost Postgres does."""

    moved_users: list[UUID] = field(default_factory=list)
    away: bool = False
    own_users: list[UUID] = field(default_factory=list)

    async def moved(self, user_id: UUID) -> None:
        if self.away:
            raise StoreUnavailable("Postgres did not answer")
        self.moved_users.append(user_id)

    async def own_moved(self, user_id: UUID) -> None:
        if self.away:
            raise StoreUnavailable("Postgres did not answer")
        self.own_users.append(user_id)


class MemoryFeed:
    """A feed that a test speaks through. It carries what is watched while it is connected."""

    def __init__(self, receiver: PriceReceiver, clock: Clock) -> None:
        self.tokens: frozenset[int] = frozenset()
        self.connected = True
        self.attempted = True
        self.sockets = 3
        self.heard_at = clock.monotonic()
        self._receiver = receiver
        self._clock = clock

    @property
    def down(self) -> str | None:
        return None if self.connected else "the broker's price feed cannot be reached"

    @property
    def age(self) -> float | None:
        return self._clock.monotonic() - self.heard_at if self.tokens else None

    def use(self, connections: int) -> None:
        self.sockets = connections

    def watch(self, tokens: Collection[int]) -> None:
        self.tokens = frozenset(tokens)

    def alive(self, token: int) -> bool:
        return self.connected and token in self.tokens

    async def run(self) -> None:
        await self._clock.sleep(10**9)

    def tick(self, token: int, *prices: str) -> None:
        """Send prices of one instrument that arrive together."""
        self.heard_at = self._clock.monotonic()
        self._receiver.on_ticks(Ticks.of([Tick(token, Decimal(price)) for price in prices]))

    def order(self, *tags: str) -> None:
        """Say that an order with these tags moved in the account."""
        self._receiver.on_order(tags)

    def lose(self) -> None:
        self.connected = False
        self._receiver.on_lost(self.tokens, "closed by the broker")

    def reconnect(self) -> None:
        self.connected = True
        self._receiver.on_alive(self.tokens)


@dataclass
class MemoryQuotes:
    """REST quotes of one account. A symbol without a price is absent from the answer, as at the broker."""

    clock: Clock
    prices: dict[str, Decimal] = field(default_factory=dict)
    limits: tuple[Decimal, Decimal] | None = (Decimal(2800), Decimal(4200))
    away: bool = False
    asked: list[list[str]] = field(default_factory=list)
    connected: bool = True
    """Whether feeds of its accounts connect."""
    feeds: dict[str, MemoryFeed] = field(default_factory=dict)
    minutes: list[Minute] = field(default_factory=list)
    minutes_asked: list[tuple[int, datetime, datetime]] = field(default_factory=list)

    async def __call__(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        self.asked.append(list(instruments))
        if self.away:
            raise BrokerUnavailable("the broker did not answer")
        lower, upper = self.limits or (None, None)
        now = self.clock.now()
        return {
            name: Quote(self.prices[name], lower, upper, now) for name in instruments if name in self.prices
        }

    def account(self, key: str = "feed") -> "MemoryMarketData":
        return MemoryMarketData(key, self, self.feeds)


@dataclass(frozen=True)
class MemoryMarketData:
    """Implements `domain.market_data.MarketData`; each feed that was made is in `feeds`, by the key."""

    key: str
    quotes: MemoryQuotes
    feeds: dict[str, MemoryFeed]
    connections: int = 3

    async def minutes(self, token: int, since: datetime, until: datetime) -> Sequence[Minute]:
        self.quotes.minutes_asked.append((token, since, until))
        if self.quotes.away:
            raise BrokerUnavailable("the broker did not answer")
        return [one for one in self.quotes.minutes if since <= one.begins <= until]

    def places(self, token: int) -> int:
        return places(token)

    def feed(self, receiver: PriceReceiver) -> MemoryFeed:
        feed = self.feeds[self.key] = MemoryFeed(receiver, self.quotes.clock)
        feed.connected = self.quotes.connected
        return feed


@dataclass
class Sent:
    """One STOPLOSS that arrived."""

    strategy_id: UUID
    run_id: str
    price: Decimal
    at: datetime
    kind: TriggerKind = TriggerKind.STOP
    peak: Decimal | None = None


class MemorySignals:
    """Implements `domain.ports.StopSignals`. `away` loses them; runs in `ended` are not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.sent: list[Sent] = []
        self.told_sold: list[tuple[UUID, datetime]] = []
        self.tried = 0
        self.away = False
        self.ended: set[str] = set()
        self.on_the_way = 0
        self.most_on_the_way = 0
        self.takes = 0.0

    async def hit(self, watched: WatchedStrategy, kind: TriggerKind, hit: PriceHit) -> bool:
        self.tried += 1
        self.on_the_way += 1
        self.most_on_the_way = max(self.most_on_the_way, self.on_the_way)
        try:
            await self._clock.sleep(self.takes)
        finally:
            self.on_the_way -= 1
        if self.away:
            raise Unavailable("Temporal does not answer")
        if watched.run_id in self.ended:
            return False
        self.sent.append(
            Sent(watched.strategy_id, watched.run_id, hit.price, self._clock.now(), kind, hit.peak)
        )
        return True

    async def sold(self, watched: WatchedStrategy) -> bool:
        if self.away:
            raise Unavailable("Temporal does not answer")
        self.told_sold.append((watched.strategy_id, self._clock.now()))
        return watched.run_id not in self.ended


class MemoryMembers:
    """Implements `domain.ports.Membership`, for any number of listeners. `away` does not answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._leases: dict[str, tuple[ListenerState, float]] = {}
        self.away = False

    async def renew(self, member: str, state: ListenerState, seconds: float) -> Mapping[str, ListenerState]:
        if self.away:
            raise StoreUnavailable("Postgres did not answer")
        now = self._clock.monotonic()
        self._leases[member] = state, now + seconds
        return {one: found for one, (found, until) in self._leases.items() if until > now}

    async def leave(self, member: str) -> None:
        if self.away:
            raise StoreUnavailable("Postgres did not answer")
        self._leases.pop(member, None)


class MemoryMinutes:
    """Minutes of charts as Redis would have them."""

    def __init__(self) -> None:
        self.kept: dict[UUID, list[MinutePrice]] = {}
        self.away = False

    async def add(self, minutes: Mapping[UUID, MinutePrice]) -> None:
        if self.away:
            raise CacheUnavailable("Redis did not answer (ConnectionError)")
        for strategy_id, minute in minutes.items():
            self.kept.setdefault(strategy_id, []).append(minute)


class MemoryPriceCache:
    """Last prices, and stops that have moved, as Redis would have them."""

    def __init__(self) -> None:
        self.prices: dict[UUID, Decimal] = {}
        self.stops: dict[UUID, Decimal] = {}
        self.writes = 0
        self.away = False

    async def set_last_prices(self, prices: Mapping[UUID, Decimal]) -> None:
        if self.away:
            raise CacheUnavailable("Redis did not answer (ConnectionError)")
        self.writes += 1
        self.prices.update(prices)

    async def set_stops(self, stops: Mapping[UUID, Decimal]) -> None:
        if self.away:
            raise CacheUnavailable("Redis did not answer (ConnectionError)")
        self.stops.update(stops)
