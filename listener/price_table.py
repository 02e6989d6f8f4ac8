"""Compares ticks of all instruments at once with their circuit limits and trigger levels, in arrays.

Each instrument has a place. A tick is *normal* when it lies inside the circuit limits and between the levels
that wait: above the highest stop, below the lowest target, not above the lowest peak that a stop follows. It
is two comparisons, whatever the number of triggers. Only anomalous ticks are looked at singly.
Prices are whole numbers of the feed's unit, so each comparison here is exact.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from domain.market_data import HIGHEST, Ticks
from listener.crossing import Crossing
from listener.seen_price import SeenPrice
from listener.token_index import UNLISTED, Integers, TokenIndex
from listener.trigger_index import TriggerIndex

_FIRST = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_TOKEN = 0
_NONE = (1, 0)
"""Limits that hold no number."""


@dataclass(frozen=True, slots=True)
class Anomalies:
    """What was not normal in ticks that came together.

    `doubtful` instruments had a price outside their limits, or have no known limits: REST must be asked.
    `crossings` are the triggers that fired, each by the first of the instrument's prices that hit it.
    """

    doubtful: list[str] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)


_NORMAL = Anomalies()


class PriceTable:
    """Keeps last prices from the feed and the limits and levels that ticks are compared with.

    Levels come from `triggers`: those that moved are read before the next ticks.
    """

    def __init__(self, triggers: TriggerIndex, decimal_places: Callable[[int], int]) -> None:
        self._triggers = triggers
        self._decimal_places = decimal_places
        self._names: list[str | None] = [None]
        self._places: dict[str, int] = {}
        self._free: list[int] = []
        self._tokens: dict[str, int] = {}
        self._limits: dict[str, tuple[Decimal | None, Decimal | None]] = {}
        self._index = TokenIndex({})
        self._stamped = False
        self._make_room(_FIRST)
        self.conflated = 0
        """Prices that were older than another one of the same instrument that had arrived with them."""

    def read_tokens(self, tokens: Mapping[str, int]) -> None:
        """Read ticks of exactly these instruments from now on."""
        gone = self._tokens.keys() - tokens.keys()
        changed = [name for name, token in tokens.items() if self._tokens.get(name) != token]
        self._tokens = dict(tokens)
        for name in (*gone, *changed):
            self.clear(name)
            self._refresh(self._place(name))
        self._number()

    def set_limits(self, instrument: str, lower: Decimal | None, upper: Decimal | None) -> None:
        """Take prices inside these circuit limits as they come; None where the broker states no limit."""
        self._limits[instrument] = lower, upper
        self._refresh(self._place(instrument))

    def drop_limits(self, instrument: str) -> None:
        """Take no price of it as it comes: its limits are not known any more."""
        if self._limits.pop(instrument, None) is not None:
            self._refresh(self._place(instrument))

    def take(self, ticks: Ticks, seen_at: datetime) -> Anomalies:
        """Keep the last price of each instrument that counts, and return what is not normal."""
        self._read_levels()
        places = self._index.find(np.asarray(ticks.tokens))
        raws = np.asarray(ticks.raws)
        stamps = None if ticks.stamps is None else np.asarray(ticks.stamps)
        anomalous = (raws < self._normal_from.take(places)) | (raws > self._normal_to.take(places))
        if not anomalous.any():
            self._keep(places, raws, stamps, seen_at)
            return _NORMAL
        inside = (raws >= self._lower.take(places)) & (raws <= self._upper.take(places))
        self._keep(places[inside], raws[inside], None if stamps is None else stamps[inside], seen_at)
        acting = np.flatnonzero(np.isin(places, places[anomalous & inside]) & inside)
        prices = self._in_order(
            places[acting], raws[acting], None if stamps is None else stamps[acting], seen_at
        )
        return Anomalies(self._named(np.unique(places[~inside])), self._triggers.fire(prices))

    def last(self, instrument: str) -> SeenPrice | None:
        """Return the last price from the feed that counted when it came, unless it was cleared."""
        place = self._places.get(instrument)
        seen = 0 if place is None else int(self._seen[place])
        if place is None or not seen:
            return None
        seen_at = _EPOCH + seen * _MICROSECOND
        return self._priced(place, int(self._raws[place]), seen_at, int(self._at[place]))

    def anomalous(self, since: datetime) -> list[str]:
        """Return the instruments that the feed gave no price `since`, or one that is not normal now."""
        self._read_levels()
        late = self._seen < (since - _EPOCH) // _MICROSECOND
        found = late | (self._raws < self._normal_from) | (self._raws > self._normal_to)
        return self._named(np.flatnonzero(found[: len(self._names)]))

    def clear(self, instrument: str) -> None:
        """Forget the price from the feed."""
        place = self._places.get(instrument)
        if place is not None:
            self._seen[place] = 0

    def changed(self) -> list[str]:
        """Return, once, the instruments that the feed gave a price."""
        changed = self._named(np.flatnonzero(self._dirty))
        self._dirty[:] = False
        return changed

    def forget(self, instrument: str) -> None:
        """Give up the instrument's place."""
        self._tokens.pop(instrument, None)
        self._limits.pop(instrument, None)
        place = self._places.pop(instrument, None)
        if place is None:
            return
        self._names[place] = None
        self._seen[place], self._dirty[place] = 0, False
        self._free.append(place)
        self._number()

    # --- arrays ----------------------------------------------------------------------------------------

    def _read_levels(self) -> None:
        for name in self._triggers.moved():
            place = self._places.get(name)
            if place is not None:
                self._refresh(place)

    def _keep(self, places: Integers, raws: Integers, stamps: Integers | None, seen_at: datetime) -> None:
        # Where a place comes twice, what is assigned last stays: the newest price.
        self._raws[places] = raws
        self._seen[places] = (seen_at - _EPOCH) // _MICROSECOND
        if stamps is not None or self._stamped:
            self._at[places] = 0 if stamps is None else stamps
            self._stamped = True
        self._fresh[:] = False
        self._fresh[places] = True
        self._dirty |= self._fresh
        self.conflated += len(places) - int(np.count_nonzero(self._fresh))

    def _in_order(
        self, places: Integers, raws: Integers, stamps: Integers | None, seen_at: datetime
    ) -> Iterator[tuple[str, SeenPrice]]:
        """Yield prices as they came: one that raises a stop is followed by one that may hit it."""
        for at, place in enumerate(places.tolist()):
            name = self._names[place]
            stamp = 0 if stamps is None else int(stamps[at])
            if name is not None:
                yield name, self._priced(place, int(raws[at]), seen_at, stamp)

    def _priced(self, place: int, raw: int, seen_at: datetime, stamp: int) -> SeenPrice:
        tick_at = datetime.fromtimestamp(stamp, UTC) if stamp else None
        return SeenPrice(Decimal(raw).scaleb(-int(self._digits[place])), seen_at, tick_at)

    def _named(self, places: Integers) -> list[str]:
        return [name for name in map(self._names.__getitem__, places.tolist()) if name is not None]

    def _place(self, instrument: str) -> int:
        place = self._places.get(instrument)
        if place is None:
            place = self._free.pop() if self._free else len(self._names)
            if place == len(self._names):
                self._names.append(None)
            if place >= len(self._raws):
                self._make_room(2 * len(self._raws))
            self._names[place] = instrument
            self._places[instrument] = place
            self._refresh(place)
        return place

    def _refresh(self, place: int) -> None:
        """Bring what ticks of one instrument are compared with up to date."""
        name = self._names[place] or ""
        token = self._tokens.get(name, _NO_TOKEN)
        digits = self._decimal_places(token)
        lower, upper = _whole(self._limits.get(name), digits)
        bounds = self._triggers.bounds(name)
        low = 0 if bounds.stop is None else _down(bounds.stop, digits)
        high = HIGHEST if bounds.peak is None else _down(bounds.peak, digits)
        if bounds.target is not None:
            high = min(high, int(_scaled(bounds.target, digits, ROUND_CEILING)) - 1)
        self._digits[place] = digits
        self._lower[place], self._upper[place] = lower, upper
        # At a level that is the feed's highest price or above it, no price is normal.
        normal = (max(lower, low + 1), min(upper, high)) if low < HIGHEST else _NONE
        self._normal_from[place], self._normal_to[place] = normal

    def _number(self) -> None:
        self._index = TokenIndex({token: self._place(name) for name, token in self._tokens.items()})

    def _make_room(self, room: int) -> None:
        self._raws = _grown(self, "_raws", room, np.int32)
        self._seen = _grown(self, "_seen", room, np.int64)
        self._at = _grown(self, "_at", room, np.int64)
        self._dirty = _grown(self, "_dirty", room, np.bool_)
        self._fresh = _grown(self, "_fresh", room, np.bool_)
        self._digits = _grown(self, "_digits", room, np.int64)
        self._lower = _grown(self, "_lower", room, np.int32)
        self._upper = _grown(self, "_upper", room, np.int32)
        self._normal_from = _grown(self, "_normal_from", room, np.int32)
        self._normal_to = _grown(self, "_normal_to", room, np.int32)
        for low, high in ((self._lower, self._upper), (self._normal_from, self._normal_to)):
            low[UNLISTED], high[UNLISTED] = 0, HIGHEST


def _grown(table: PriceTable, name: str, room: int, kind: type[np.generic]) -> Integers:
    grown = np.zeros(room, kind)
    before = getattr(table, name, None)
    if before is not None:
        grown[: len(before)] = before
    return grown


def _whole(limits: tuple[Decimal | None, Decimal | None] | None, digits: int) -> tuple[int, int]:
    """Return the lowest and the highest whole number inside the limits; no number is inside unknown ones."""
    if limits is None:
        return _NONE
    lower = 1 if limits[0] is None else max(1, int(_scaled(limits[0], digits, ROUND_CEILING)))
    upper = HIGHEST if limits[1] is None else _down(limits[1], digits)
    return (lower, upper) if lower <= HIGHEST else _NONE


def _down(limit: Decimal, digits: int) -> int:
    """Return the highest whole number at or below a price."""
    return max(0, min(int(_scaled(limit, digits, ROUND_FLOOR)), HIGHEST))


def _scaled(price_: Decimal, digits: int, rounding: str) -> Decimal:
    return price_.scaleb(digits).to_integral_value(rounding)
