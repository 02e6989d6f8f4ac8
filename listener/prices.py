"""The last price of each instrument, and whether it may act.

A price acts when the exchange could have traded at it today (inside the circuit limits the broker states),
and when it came over a connection that is alive since, or from REST within five seconds. Its age does not
matter otherwise: a quiet share has an old price that is true.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.ports import Clock
from domain.stoploss import FRESH, Quote, believable

LIMITS_HOLD = timedelta(hours=12)
"""Circuit limits are the day's: yesterday's say nothing about today."""


@dataclass(frozen=True, slots=True)
class SeenPrice:
    """A price that counted when it came. `asked_at` is None for one from the feed."""

    price: Decimal
    seen_at: datetime
    tick_at: datetime | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The circuit limits as the broker stated them at `seen_at`; None where it states none."""

    lower: Decimal | None
    upper: Decimal | None
    seen_at: datetime


class LastPrices:
    """Prices of one account's instruments. `alive` tells whether the feed carries an instrument now."""

    def __init__(self, clock: Clock, alive: Callable[[str], bool]) -> None:
        self._clock = clock
        self._alive = alive
        self._prices: dict[str, SeenPrice] = {}
        self._limits: dict[str, Limits] = {}

    def from_feed(
        self, instrument: str, price: Decimal, tick_at: datetime | None, seen_at: datetime
    ) -> SeenPrice | None:
        """Keep a tick and return it; None when it may not act before REST was asked."""
        limits = self._limits.get(instrument)
        if limits is None or seen_at - limits.seen_at > LIMITS_HOLD:
            return None
        if not believable(price, limits.lower, limits.upper):
            return None
        seen = self._prices[instrument] = SeenPrice(price, seen_at, tick_at)
        return seen

    def from_rest(self, instrument: str, quote: Quote, asked_at: datetime) -> SeenPrice | None:
        """Keep what REST answered and return the price that counts now.

        REST has the last word on a price outside the limits. A tick that came after the question is newer.
        """
        if not believable(quote.last_price, None, None):
            return None
        self._limits[instrument] = Limits(quote.lower_circuit, quote.upper_circuit, quote.seen_at)
        current = self._prices.get(instrument)
        if current and current.asked_at is None and current.seen_at > asked_at and self._alive(instrument):
            return current
        seen = self._prices[instrument] = SeenPrice(quote.last_price, quote.seen_at, asked_at=asked_at)
        return seen

    def acting(self, instrument: str) -> SeenPrice | None:
        """Return the price that may act now, if there is one."""
        seen = self._prices.get(instrument)
        if seen is None:
            return None
        if seen.asked_at is None:
            return seen if self._alive(instrument) else None
        return seen if self._clock.now() - seen.seen_at <= FRESH else None

    def last(self, instrument: str) -> SeenPrice | None:
        """Return the last price that counted when it came, for showing, never for acting."""
        return self._prices.get(instrument)

    def limits_age(self, instrument: str) -> timedelta:
        limits = self._limits.get(instrument)
        return timedelta.max if limits is None else self._clock.now() - limits.seen_at

    def age(self, instrument: str) -> timedelta:
        """Return how long ago the instrument was last heard of."""
        seen = self._prices.get(instrument)
        return timedelta.max if seen is None else self._clock.now() - seen.seen_at

    def lose(self, instruments: Iterable[str]) -> None:
        """Forget prices of a connection that is gone: nothing from before a gap acts."""
        for instrument in instruments:
            seen = self._prices.get(instrument)
            if seen is not None and seen.asked_at is None:
                del self._prices[instrument]

    def forget(self, instrument: str) -> None:
        self._prices.pop(instrument, None)
        self._limits.pop(instrument, None)
