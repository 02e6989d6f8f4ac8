"""Watches the prices of one account and fires the triggers of the strategies it serves."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import structlog

from domain.held_stop import HeldPrice
from domain.market_data import MarketData, Ticks
from domain.minute_price import MinutePrice
from domain.order import is_foreign
from domain.ports import Alerts, Clock, Instruments
from domain.quote import Quote
from domain.strategy import Position
from domain.watched_strategy import WatchedStrategy
from listener.dispatcher import Dispatcher
from listener.feed_alerts import Outage
from listener.guarded import is_guarded, is_sold_by_others
from listener.last_prices import LastPrices
from listener.missed_peaks import MissedPeaks
from listener.price_table import PriceTable
from listener.quote_requests import QuoteRequests
from listener.restarting import steadily
from listener.seen_price import SeenPrice
from listener.tokens import Tokens
from listener.trigger_index import TriggerIndex
from listener.unwatched_stops import UnwatchedStops

LOOK = 1.0
QUIET = timedelta(seconds=10)
"""A held share without a tick for so long is asked for: a lost subscription looks like a quiet share."""
LIMITS_AGE = timedelta(seconds=60)
"""Circuit limits are relaxed during the day; they are read again this often."""
AT_A_TIME = 100
"""Instruments looked at before ticks have their turn: less than a millisecond."""
QUIET_FEED, ASLEEP = timedelta(seconds=5), timedelta(seconds=60)
"""How long a feed may say nothing before it is lost, and a process look at nothing unless it stood still."""
CONFLATED_EVERY = 60.0
JUDGED_WITHIN = 5.0
"""Seconds after which triggers that were not looked at count as unwatched: five looks."""

Owned = Callable[[WatchedStrategy], bool]

log = structlog.stdlib.get_logger("prices")


class OrderMoved(Protocol):
    """Hears of an order of an account that moved."""

    def __call__(self, *, foreign: bool) -> None:
        """`foreign`: it is not this product's."""
        ...


class PriceMonitor:
    """Judges prices of one account against the triggers of the strategies it serves.

    Every tick is judged when it comes. Once a second every armed trigger is judged again by the price that
    may act, and instruments without such a price are asked for over REST.
    """

    def __init__(
        self,
        account: MarketData,
        instruments: Instruments,
        dispatcher: Dispatcher,
        alerts: Alerts,
        clock: Clock,
        order_moved: OrderMoved,
    ) -> None:
        """`order_moved` is called when an order of the account moves."""
        self.key = account.key
        self._order_moved = order_moved
        self._dispatcher = dispatcher
        self._clock = clock
        self._feed = account.feed(self)
        self._tokens = Tokens(instruments, self._listed, clock)
        self._quote_requests = QuoteRequests(account.quotes, self._answered, clock)
        self._missed = MissedPeaks(account.minutes, self._tokens.token, self._raise_peak, clock)
        self.triggers = TriggerIndex()
        self._table = PriceTable(self.triggers, account.places)
        self._prices = LastPrices(self._table, clock, self._carried)
        self._outage = Outage(alerts, clock)
        self._unwatched = UnwatchedStops(alerts, clock)
        self._asked_for: dict[str, datetime | None] = {}
        """Instruments with waiting triggers and no price from the feed that may act; the last one's time."""
        self._watched: dict[UUID, WatchedStrategy] = {}
        self._by_instrument: defaultdict[str, set[UUID]] = defaultdict(set)
        self._alive_since: dict[str, datetime] = {}
        """Since when the feed has carried an instrument without a gap."""
        self._gone: dict[UUID, str] = {}
        self._changed: set[str] = set()
        self._conflated_said = (clock.monotonic(), 0)
        self._looked_at = clock.monotonic()
        self._awake_at = clock.now()
        self._lost_at: dict[str, datetime] = {}

    # --- what runs -------------------------------------------------------------------------------------

    def follow(self, watched: WatchedStrategy) -> None:
        """Know a running strategy, as it is now."""
        before = self._watched.get(watched.strategy_id)
        self._watched[watched.strategy_id] = watched
        self._by_instrument[watched.instrument].add(watched.strategy_id)
        if before is None:
            self._changed.add(watched.instrument)
            self._tokens.want(watched.instrument)
            self._quote_requests.ask([watched.instrument])
        if is_guarded(watched) and self._gone.get(watched.strategy_id) != watched.run_id:
            if before is not None and before.run_id != watched.run_id:
                self.triggers.disarm(watched.strategy_id)  # what fired for another run fires anew
            self._arm(watched)
        else:
            self.triggers.disarm(watched.strategy_id)
            if not is_sold_by_others(watched):
                self._dispatcher.drop(watched.strategy_id)

    def leave(self, watched: WatchedStrategy) -> None:
        """Forget a strategy that does not run any more."""
        self.triggers.disarm(watched.strategy_id)
        self._dispatcher.drop(watched.strategy_id)
        self._gone.pop(watched.strategy_id, None)
        self._watched.pop(watched.strategy_id, None)
        others = self._by_instrument[watched.instrument]
        others.discard(watched.strategy_id)
        if not others:
            del self._by_instrument[watched.instrument]
            self._prices.forget(watched.instrument)
            self._changed.discard(watched.instrument)
            self._alive_since.pop(watched.instrument, None)
            self._tokens.unwant(watched.instrument)

    def lost_run(self, watched: WatchedStrategy) -> None:
        """Stop signalling a run that does not exist; its strategy's next run is watched again."""
        self._gone[watched.strategy_id] = watched.run_id
        self.triggers.disarm(watched.strategy_id)

    def share(self, sockets: int, listeners: int) -> None:
        """Have so many of the account's connections, and ask over REST as one of so many."""
        self._feed.use(sockets)
        self._quote_requests.sharing = listeners

    @property
    def covered(self) -> bool:
        """Tell whether each armed trigger has a price to be judged by, and hears of the next one."""
        armed = (name for name in self._by_instrument if self.triggers.armed(name))
        return self.attempted and all(
            self._carried(name) and self._prices.acting(name) is not None for name in armed
        )

    @property
    def idle(self) -> bool:
        return not self._watched

    @property
    def watching(self) -> Collection[UUID]:
        """Return the strategies whose armed triggers are being judged; none while the looks have stopped."""
        if self._clock.monotonic() - self._looked_at > JUDGED_WITHIN:
            return ()
        return [watched.strategy_id for watched in self._held()]

    @property
    def feed_down(self) -> str | None:
        """Say why prices do not come over the feed, None while they do or none is wanted."""
        return self._feed.down

    @property
    def feed_age(self) -> float | None:
        """Return the seconds since the feed was last heard; None while nothing is watched."""
        return self._feed.age

    @property
    def attempted(self) -> bool:
        """Tell whether every instrument was looked up and the feed has tried to connect."""
        return self._tokens.complete and self._feed.attempted

    def changed_prices(self, owned: Owned) -> dict[UUID, Decimal]:
        """Return, once, the last prices that changed, by strategy; those not `owned` are kept for later."""
        changed = self._changed | self._prices.changed()
        self._changed = set()
        prices: dict[UUID, Decimal] = {}
        for instrument in changed:
            ids = self._by_instrument.get(instrument)
            seen = self._prices.last(instrument)
            if not ids or seen is None:
                continue
            if owned(self._watched[next(iter(ids))]):
                prices.update(dict.fromkeys(ids, seen.price))
            else:
                self._changed.add(instrument)
        return prices

    def minutes(self, at: datetime, owned: Owned) -> dict[UUID, MinutePrice]:
        """Return the price and the stop of each strategy that is `owned`, as they stand at `at`."""
        found: dict[UUID, MinutePrice] = {}
        for strategy_id, watched in self._watched.items():
            seen = self._prices.last(watched.instrument)
            if seen is not None and owned(watched):
                found[strategy_id] = MinutePrice(at, seen.price, self.triggers.stop_of(strategy_id))
        return found

    @property
    def holds(self) -> bool:
        """Tell whether any strategy that it serves holds shares."""
        return any(watched.position is Position.BOUGHT for watched in self._watched.values())

    def acting_prices(self, strategy_ids: Collection[UUID]) -> dict[UUID, HeldPrice]:
        """Return the prices that may act now, of these strategies, and how old they are."""
        prices: dict[UUID, HeldPrice] = {}
        for strategy_id in strategy_ids:
            watched = self._watched.get(strategy_id)
            seen = self._prices.last(watched.instrument) if watched is not None else None
            if watched is None or seen is None:
                continue
            if self._stands(watched.instrument, seen):
                prices[strategy_id] = HeldPrice(seen.price)
            elif seen.asked_at is not None:
                prices[strategy_id] = HeldPrice(seen.price, self._clock.now() - seen.seen_at)
        return prices

    def _stands(self, instrument: str, seen: SeenPrice) -> bool:
        """Tell whether a price is true now: the feed has carried its instrument since, and brought no other.

        What REST answered stands like a tick, if it was asked since the feed has been there without a gap.
        """
        if not self._carried(instrument):
            return False
        since = self._alive_since.get(instrument)
        return seen.asked_at is None or (since is not None and seen.asked_at >= since)

    def _arm(self, watched: WatchedStrategy) -> None:
        new = watched.strategy_id not in self.triggers
        self.triggers.arm(watched)
        if not new:
            return
        self._missed.ask(watched, watched.peak_since)
        seen = self._prices.acting(watched.instrument)
        if seen is None:
            self._quote_requests.ask([watched.instrument], urgent=True)
        else:
            self._judge(watched.instrument, seen)

    def _look_up_missed(self, instruments: Iterable[str], since: datetime | None) -> None:
        for instrument in instruments:
            for strategy_id in self._by_instrument.get(instrument, ()):
                self._missed.ask(self._watched[strategy_id], since)

    def _raise_peak(self, asked: WatchedStrategy, peak: Decimal) -> None:
        """Have a stop follow a peak that was missed, and judge it by the price that acts now."""
        known = self._watched.get(asked.strategy_id)
        if known is None or known.run_id != asked.run_id or asked.strategy_id not in self.triggers:
            return
        self.triggers.arm(replace(known, peak=peak))
        self.triggers.tell_peak(known.strategy_id)
        if (seen := self._prices.acting(known.instrument)) is not None:
            self._judge(known.instrument, seen)

    def _listed(self) -> None:
        tokens = self._tokens.all()
        self._table.read_tokens(tokens)
        self._feed.watch(tokens.values())

    # --- what the feed says ----------------------------------------------------------------------------

    def on_ticks(self, ticks: Ticks) -> None:
        anomalies = self._prices.take_ticks(ticks, self._clock.now())
        if anomalies.crossings:
            self._dispatcher.hit(anomalies.crossings)
        if anomalies.doubtful:
            self._ask_all(anomalies.doubtful)

    def on_alive(self, tokens: Collection[int]) -> None:
        names = self._named(tokens)
        self._alive_since.update(dict.fromkeys(names, self._clock.now()))
        self._ask_all(names)
        for instrument in names:
            self._look_up_missed([instrument], self._lost_at.pop(instrument, None))

    def on_lost(self, tokens: Collection[int], reason: str) -> None:
        lost = self._named(tokens)
        for instrument in lost:
            self._lost_at.setdefault(instrument, self._clock.now() - QUIET_FEED)
        self._prices.lose(lost)
        self._unwatched.lost(lost)
        self._ask_all(lost)

    def on_order(self, tags: Collection[str]) -> None:
        """Have the account looked at: whose order it is says what for."""
        self._order_moved(foreign=is_foreign(tags))

    def _answered(self, quotes: Mapping[str, Quote], asked_at: datetime) -> None:
        for instrument, quote in quotes.items():
            if instrument not in self._by_instrument:
                continue
            seen = self._prices.take_quote(instrument, quote, asked_at)
            if seen is not None:
                self._judge(instrument, seen)

    def _judge(self, instrument: str, seen: SeenPrice) -> None:
        """Tell of the triggers that this price fires."""
        self._dispatcher.hit(self.triggers.fire([(instrument, seen)]))

    def _named(self, tokens: Iterable[int]) -> list[str]:
        return [name for name in map(self._tokens.name, tokens) if name is not None]

    def _ask_all(self, instruments: Iterable[str]) -> None:
        for instrument in instruments:
            self._quote_requests.ask([instrument], urgent=self.triggers.armed(instrument))

    def _carried(self, instrument: str) -> bool:
        token = self._tokens.token(instrument)
        return token is not None and self._feed.alive(token)

    # --- once a second ---------------------------------------------------------------------------------

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(steadily("feed", self._feed.run, self._clock))
            group.create_task(steadily("quote requests", self._quote_requests.run, self._clock))
            group.create_task(steadily("tokens", self._tokens.run, self._clock))
            group.create_task(steadily("missed peaks", self._missed.run, self._clock))
            group.create_task(steadily("look", self._look, self._clock))

    async def _look(self) -> None:
        while True:
            instruments = list(self._by_instrument)
            anomalous = self._prices.anomalous(QUIET, LIMITS_AGE)
            self._asked_for = {}
            for start in range(0, len(instruments), AT_A_TIME):
                self._look_at(instruments[start : start + AT_A_TIME], anomalous)
                await asyncio.sleep(0)  # ticks do not wait for three thousand instruments
            self._looked_at = self._clock.monotonic()
            if self._clock.now() - self._awake_at > ASLEEP:
                self._look_up_missed(instruments, self._awake_at)
            self._awake_at = self._clock.now()
            self._say_conflated()
            held = self._held() if self._feed.down else []
            await self._outage.look(self._feed.down, self._quote_requests.failing, held)
            await self._tell_unwatched()
            await self._clock.sleep(LOOK)

    def _look_at(self, instruments: Sequence[str], anomalous: Collection[str]) -> None:
        acting = []
        for instrument in instruments:
            carried = self._note_carried(instrument)
            if carried and instrument not in anomalous and not self.triggers.fired(instrument):
                continue  # normal: nothing to judge, nothing to ask
            if instrument in self._by_instrument:
                acting += self._look_closely(instrument, carried)
        # What fired is told again, for as long as it is crossed and armed: a stop is not an edge.
        self.triggers.fire(acting)
        self._dispatcher.hit(self.triggers.crossed(acting))

    def _note_carried(self, instrument: str) -> bool:
        """Tell whether the feed carries it, and note since when: one that was added made no connection."""
        carried = self._carried(instrument)
        if not carried:
            self._alive_since.pop(instrument, None)
        elif instrument not in self._alive_since:
            self._alive_since[instrument] = self._clock.now()
        return carried

    def _look_closely(self, instrument: str, carried: bool) -> list[tuple[str, SeenPrice]]:
        """Ask for what is not known well enough; return the price by which armed stops are judged, if any."""
        armed, seen = self.triggers.armed(instrument), self._prices.last(instrument)
        age = timedelta.max if seen is None else self._clock.now() - seen.seen_at
        unproven = not carried or self._unwatched.lately_lost(instrument)
        if (unproven or not self._prices.has_limits(instrument)) and self.triggers.waits(instrument):
            self._asked_for[instrument] = seen.seen_at if seen else None
        quiet = age >= (QUIET if armed else LIMITS_AGE)
        if not carried or quiet or self._prices.limits_age(instrument) >= LIMITS_AGE:
            self._quote_requests.ask([instrument], urgent=armed and (quiet or not carried))
        if armed and seen is not None and self._prices.may_act(seen, instrument):
            return [(instrument, seen)]
        return []

    async def _tell_unwatched(self) -> None:
        if due := self._unwatched.look(self._asked_for):
            held = [watched for watched in self._held() if watched.instrument in due]
            silent = [name for name in due if self._prices.has_limits(name) or not self._carried(name)]
            await self._unwatched.alert(due, silent, self._quote_requests.failure, held)

    def _say_conflated(self) -> None:
        now, count = self._clock.monotonic(), self._table.conflated
        if count != self._conflated_said[1] and now - self._conflated_said[0] >= CONFLATED_EVERY:
            log.info(
                "prices were passed over for newer ones that had come with them; their lows were judged",
                account=self.key,
                passed_over=count - self._conflated_said[1],
            )
            self._conflated_said = now, count

    def _held(self) -> list[WatchedStrategy]:
        return [watched for strategy_id, watched in self._watched.items() if strategy_id in self.triggers]
