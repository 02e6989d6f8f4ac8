"""Keeps the last price of each instrument and decides whether it may act.

A price acts when the exchange could have traded at it today (inside the circuit limits the broker states),
and when it came over a connection that is alive since, or from REST within five seconds. Its age does not
matter otherwise: a quiet share has an old price that is true.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from domain.market_data import Ticks
from domain.ports import Clock
from domain.quote import FRESH, Quote, believable
from listener.price_table import Anomalies, PriceTable
from listener.seen_price import SeenPrice

_NEVER = datetime(9000, 1, 1, tzinfo=UTC)
LIMITS_HOLD = timedelta(hours=12)
"""Circuit limits are the day's: yesterday's say nothing about today."""


class LastPrices:
    """Prices of one account's instruments. `alive` tells whether the feed carries an instrument now.

    What the feed says is in the table, for all instruments at once; what REST says is kept here.
    """

    def __init__(self, table: PriceTable, clock: Clock, alive: Callable[[str], bool]) -> None:
        self._clock = clock
        self._alive = alive
        self._table = table
        self._asked: dict[str, SeenPrice] = {}
        self._limits: dict[str, datetime] = {}
        self._limits_end = _NEVER
        self._changed: set[str] = set()

    def take_ticks(self, ticks: Ticks, seen_at: datetime) -> Anomalies:
        """Keep the ticks that count, and return what is not normal among them."""
        if seen_at > self._limits_end:
            self._give_up_old_limits(seen_at)
        return self._table.take(ticks, seen_at)

    def take_quote(self, instrument: str, quote: Quote, asked_at: datetime) -> SeenPrice | None:
        """Keep what REST answered and return the price that counts now.

        REST has the last word on a price outside the limits. A tick that came after the question is newer.
        """
        if not believable(quote.last_price, None, None):
            return None
        self._table.set_limits(instrument, quote.lower_circuit, quote.upper_circuit)
        self._limits[instrument] = quote.seen_at
        self._limits_end = min(self._limits_end, quote.seen_at + LIMITS_HOLD)
        self._changed.add(instrument)
        ticked = self._table.last(instrument)
        if ticked is not None and ticked.seen_at > asked_at and self._alive(instrument):
            return ticked
        self._table.clear(instrument)
        seen = self._asked[instrument] = SeenPrice(quote.last_price, quote.seen_at, asked_at=asked_at)
        return seen

    def acting(self, instrument: str) -> SeenPrice | None:
        """Return the price that may act now, if there is one."""
        seen = self.last(instrument)
        return seen if seen is not None and self.may_act(seen, instrument) else None

    def may_act(self, seen: SeenPrice, instrument: str) -> bool:
        """Tell whether the instrument's last price may act now."""
        if seen.asked_at is None:
            return self._alive(instrument) and self.has_limits(instrument)
        return self._clock.now() - seen.seen_at <= FRESH

    def last(self, instrument: str) -> SeenPrice | None:
        """Return the last price that counted when it came, for showing, never for acting."""
        ticked = self._table.last(instrument)
        return self._asked.get(instrument) if ticked is None else ticked

    def changed(self) -> set[str]:
        """Return, once, the instruments that have a new price."""
        changed, self._changed = self._changed, set()
        return changed.union(self._table.changed())

    def has_limits(self, instrument: str) -> bool:
        """Tell whether its limits of today are known; while they are not, no price from the feed acts."""
        return self.limits_age(instrument) <= LIMITS_HOLD

    def limits_age(self, instrument: str) -> timedelta:
        stated_at = self._limits.get(instrument)
        return timedelta.max if stated_at is None else self._clock.now() - stated_at

    def anomalous(self, silent: timedelta, limits_age: timedelta) -> set[str]:
        """Return the instruments without a normal tick for `silent`, or whose limits are `limits_age` old."""
        now = self._clock.now()
        old = {name for name, stated_at in self._limits.items() if now - stated_at >= limits_age}
        return old.union(self._table.anomalous(now - silent))

    def lose(self, instruments: Iterable[str]) -> None:
        """Forget prices of a connection that is gone: nothing from before a gap acts."""
        for instrument in instruments:
            if self._table.last(instrument) is not None:
                self._table.clear(instrument)
                self._asked.pop(instrument, None)

    def forget(self, instrument: str) -> None:
        self._table.forget(instrument)
        self._asked.pop(instrument, None)
        self._limits.pop(instrument, None)
        self._changed.discard(instrument)

    def _give_up_old_limits(self, now: datetime) -> None:
        for instrument, stated_at in self._limits.items():
            if now - stated_at > LIMITS_HOLD:
                self._table.drop_limits(instrument)
        left = [at for at in self._limits.values() if now - at <= LIMITS_HOLD]
        self._limits_end = min(left, default=_NEVER) + LIMITS_HOLD
