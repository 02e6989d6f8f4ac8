"""The last price of each instrument, and whether it may act.

A price acts when the exchange could have traded at it today (inside the circuit limits the broker states),
and when it came over a connection that is alive since, or from REST within five seconds. Its age does not
matter otherwise: a quiet share has an old price that is true.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.market_data import Ticks
from domain.ports import Clock
from domain.quote import FRESH, Quote, believable
from listener.price_table import FedPrice, PriceTable

_NEVER = datetime(9000, 1, 1, tzinfo=UTC)
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
class Heard:
    """What ticks said beyond new last prices, by instrument.

    `doubtful` may not act before REST was asked. `low` is at or below the highest stop: the lowest of what
    came together.
    """

    doubtful: list[str] = field(default_factory=list)
    low: list[tuple[str, SeenPrice]] = field(default_factory=list)


_NOTHING = Heard()


class LastPrices:
    """Prices of one account's instruments. `alive` tells whether the feed carries an instrument now.

    What the feed says is on the board, for all instruments at once; what REST says is kept here.
    """

    def __init__(self, places: Callable[[int], int], clock: Clock, alive: Callable[[str], bool]) -> None:
        self._clock = clock
        self._alive = alive
        self._board = PriceTable(places)
        self._asked: dict[str, SeenPrice] = {}
        self._limits: dict[str, datetime] = {}
        self._limits_end = _NEVER
        self._changed: set[str] = set()

    @property
    def conflated(self) -> int:
        """Return how many ticks were passed over because a newer one had arrived with them."""
        return self._board.conflated

    def list(self, tokens: Mapping[str, int]) -> None:
        """Read ticks of these instruments, by the broker's numbers of today."""
        self._board.tokens(tokens)

    def stop(self, instrument: str, highest: Decimal | None) -> None:
        """Tell of ticks at or below `highest`."""
        self._board.stop(instrument, highest)

    def from_feed(self, ticks: Ticks, seen_at: datetime) -> Heard:
        """Keep the ticks that count; the others may not act before REST was asked."""
        if seen_at > self._limits_end:
            self._give_up_old_limits(seen_at)
        restless = self._board.take(ticks, seen_at)
        if not restless.doubtful and not restless.low:
            return _NOTHING
        return Heard(restless.doubtful, [(name, _seen(fed)) for name, fed in restless.low])

    def from_rest(self, instrument: str, quote: Quote, asked_at: datetime) -> SeenPrice | None:
        """Keep what REST answered and return the price that counts now.

        REST has the last word on a price outside the limits. A tick that came after the question is newer.
        """
        if not believable(quote.last_price, None, None):
            return None
        self._board.range(instrument, quote.lower_circuit, quote.upper_circuit)
        self._limits[instrument] = quote.seen_at
        self._limits_end = min(self._limits_end, quote.seen_at + LIMITS_HOLD)
        self._changed.add(instrument)
        fed = self._board.fed(instrument)
        if fed is not None and fed.seen_at > asked_at and self._alive(instrument):
            return _seen(fed)
        self._board.clear(instrument)
        seen = self._asked[instrument] = SeenPrice(quote.last_price, quote.seen_at, asked_at=asked_at)
        return seen

    def acting(self, instrument: str) -> SeenPrice | None:
        """Return the price that may act now, if there is one."""
        seen = self.last(instrument)
        return seen if seen is not None and self.may_act(seen, instrument) else None

    def may_act(self, seen: SeenPrice, instrument: str) -> bool:
        """Tell whether the instrument's last price may act now."""
        if seen.asked_at is None:
            return self._alive(instrument)
        return self._clock.now() - seen.seen_at <= FRESH

    def last(self, instrument: str) -> SeenPrice | None:
        """Return the last price that counted when it came, for showing, never for acting."""
        fed = self._board.fed(instrument)
        return self._asked.get(instrument) if fed is None else _seen(fed)

    def changed(self) -> set[str]:
        """Return, once, the instruments that have a new price."""
        changed, self._changed = self._changed, set()
        return changed.union(self._board.changed())

    def limits_age(self, instrument: str) -> timedelta:
        stated_at = self._limits.get(instrument)
        return timedelta.max if stated_at is None else self._clock.now() - stated_at

    def restless(self, silent: timedelta, limits_age: timedelta) -> set[str]:
        """Return the instruments without a calm tick for so long, or with limits that are as old as that."""
        now = self._clock.now()
        old = {name for name, stated_at in self._limits.items() if now - stated_at >= limits_age}
        return old.union(self._board.restless(now - silent))

    def lose(self, instruments: Iterable[str]) -> None:
        """Forget prices of a connection that is gone: nothing from before a gap acts."""
        for instrument in instruments:
            if self._board.fed(instrument) is not None:
                self._board.clear(instrument)
                self._asked.pop(instrument, None)

    def forget(self, instrument: str) -> None:
        self._board.forget(instrument)
        self._asked.pop(instrument, None)
        self._limits.pop(instrument, None)
        self._changed.discard(instrument)

    def _give_up_old_limits(self, now: datetime) -> None:
        for instrument, stated_at in self._limits.items():
            if now - stated_at > LIMITS_HOLD:
                self._board.close(instrument)
        left = [at for at in self._limits.values() if now - at <= LIMITS_HOLD]
        self._limits_end = min(left, default=_NEVER) + LIMITS_HOLD


def _seen(fed: FedPrice) -> SeenPrice:
    return SeenPrice(fed.price, fed.seen_at, datetime.fromtimestamp(fed.at, UTC) if fed.at else None)
