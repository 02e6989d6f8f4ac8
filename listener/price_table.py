"""The price board: what a tick is compared with, for all instruments at once, in arrays.

Each instrument has a place. A tick is *calm* when it lies inside the circuit limits and above the highest
stop that waits: two comparisons, whatever the number of stops. Only what is not calm is looked at singly.
Prices are whole numbers of the wire's unit, so each comparison here is exact.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np

from domain.market_data import HIGHEST, Ticks
from listener.token_index import NOBODY, Integers, TokenIndex

_FIRST = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_TOKEN = 0
_NONE = (1, 0)
"""A range that holds no number."""


@dataclass(frozen=True, slots=True)
class FedPrice:
    """A price that came over the feed. `at` is the exchange's epoch second, 0 where there is none."""

    price: Decimal
    seen_at: datetime
    at: int


@dataclass(frozen=True, slots=True)
class Restless:
    """What ticks were not calm. `doubtful`: outside the limits, or none are known; `low`: at or below a stop.

    Of several ticks of one instrument that arrived together, `low` has the lowest: a stop is hit if any
    tick crossed it.
    """

    doubtful: list[str] = field(default_factory=list)
    low: list[tuple[str, FedPrice]] = field(default_factory=list)


_CALM = Restless()


class PriceTable:
    """Last prices from the feed, with the limits and the stop each is judged by."""

    def __init__(self, decimal_places: Callable[[int], int]) -> None:
        self._decimal_places = decimal_places
        self._names: list[str | None] = [None]
        self._places: dict[str, int] = {}
        self._free: list[int] = []
        self._tokens: dict[str, int] = {}
        self._ranges: dict[str, tuple[Decimal | None, Decimal | None]] = {}
        self._stops: dict[str, Decimal] = {}
        self._index = TokenIndex({})
        self._stamped = False
        self._make_room(_FIRST)
        self.conflated = 0
        """Prices that were older than another one of the same instrument that had arrived with them."""

    def tokens(self, tokens: Mapping[str, int]) -> None:
        """Read ticks of exactly these instruments from now on."""
        gone = self._tokens.keys() - tokens.keys()
        changed = [name for name, token in tokens.items() if self._tokens.get(name) != token]
        self._tokens = dict(tokens)
        for name in (*gone, *changed):
            self.clear(name)
            self._refresh(self._place(name))
        self._number()

    def range(self, instrument: str, lower: Decimal | None, upper: Decimal | None) -> None:
        """Take prices inside these circuit limits as they come; None where the broker states no limit."""
        self._ranges[instrument] = lower, upper
        self._refresh(self._place(instrument))

    def close(self, instrument: str) -> None:
        """Take no price of it as it comes: the limits are not known."""
        if self._ranges.pop(instrument, None) is not None:
            self._refresh(self._place(instrument))

    def stop(self, instrument: str, highest: Decimal | None) -> None:
        """Tell of prices at or below `highest`; None when no stop waits."""
        if highest == self._stops.get(instrument):
            return
        if highest is None:
            del self._stops[instrument]
        else:
            self._stops[instrument] = highest
        self._refresh(self._place(instrument))

    def take(self, ticks: Ticks, seen_at: datetime) -> Restless:
        """Keep the last price of each instrument that counts, and return what is not calm."""
        places_ = self._index.find(np.asarray(ticks.tokens))
        raws = np.asarray(ticks.raws)
        stamps = None if ticks.stamps is None else np.asarray(ticks.stamps)
        restless = (raws < self._calm_from.take(places_)) | (raws > self._calm_to.take(places_))
        if not restless.any():
            self._keep(places_, raws, stamps, seen_at)
            return _CALM
        inside = (raws >= self._lower.take(places_)) & (raws <= self._upper.take(places_))
        self._keep(places_[inside], raws[inside], None if stamps is None else stamps[inside], seen_at)
        doubtful = np.unique(places_[~inside]).tolist()
        low = np.flatnonzero(restless & inside)
        return Restless(
            [name for name in map(self._names.__getitem__, doubtful) if name is not None],
            list(self._lowest(places_[low], raws[low], None if stamps is None else stamps[low], seen_at)),
        )

    def fed(self, instrument: str) -> FedPrice | None:
        """Return the last price from the feed that counted when it came, unless it was cleared."""
        place = self._places.get(instrument)
        seen = 0 if place is None else int(self._seen[place])
        if place is None or not seen:
            return None
        return self._priced(place, int(self._raws[place]), _EPOCH + seen * _MICROSECOND, int(self._at[place]))

    def restless(self, since: datetime) -> list[str]:
        """Return the instruments that the feed gave no price `since`, or one that is not calm now."""
        late = self._seen < (since - _EPOCH) // _MICROSECOND
        found = np.flatnonzero(late | (self._raws < self._calm_from) | (self._raws > self._calm_to)).tolist()
        return [name for at in found if at < len(self._names) and (name := self._names[at]) is not None]

    def clear(self, instrument: str) -> None:
        """Forget the price from the feed."""
        place = self._places.get(instrument)
        if place is not None:
            self._seen[place] = 0

    def changed(self) -> list[str]:
        """Return, once, the instruments that the feed gave a price."""
        found = np.flatnonzero(self._dirty).tolist()
        self._dirty[:] = False
        return [name for name in map(self._names.__getitem__, found) if name is not None]

    def forget(self, instrument: str) -> None:
        """Give up the instrument's place."""
        self._tokens.pop(instrument, None)
        self._ranges.pop(instrument, None)
        self._stops.pop(instrument, None)
        place = self._places.pop(instrument, None)
        if place is None:
            return
        self._names[place] = None
        self._seen[place], self._dirty[place] = 0, False
        self._free.append(place)
        self._number()

    # --- arrays ----------------------------------------------------------------------------------------

    def _keep(self, places_: Integers, raws: Integers, stamps: Integers | None, seen_at: datetime) -> None:
        # Where a place comes twice, what is assigned last stays: the newest price.
        self._raws[places_] = raws
        self._seen[places_] = (seen_at - _EPOCH) // _MICROSECOND
        if stamps is not None or self._stamped:
            self._at[places_] = 0 if stamps is None else stamps
            self._stamped = True
        self._fresh[:] = False
        self._fresh[places_] = True
        self._dirty |= self._fresh
        self.conflated += len(places_) - int(np.count_nonzero(self._fresh))

    def _lowest(
        self, places_: Integers, raws: Integers, stamps: Integers | None, seen_at: datetime
    ) -> Iterator[tuple[str, FedPrice]]:
        order = np.lexsort((raws, places_))
        firsts = order[np.flatnonzero(np.diff(places_[order], prepend=-1))]
        for at in firsts.tolist():
            place = int(places_[at])
            name = self._names[place]
            if name is not None:
                yield (
                    name,
                    self._priced(place, int(raws[at]), seen_at, 0 if stamps is None else int(stamps[at])),
                )

    def _priced(self, place: int, raw: int, seen_at: datetime, at: int) -> FedPrice:
        return FedPrice(Decimal(raw).scaleb(-self._digits.item(place)), seen_at, at)

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
        lower, upper = _whole(self._ranges.get(name), digits)
        stop = self._stops.get(name)
        low = 0 if stop is None else _down(stop, digits)
        self._digits[place] = digits
        self._lower[place], self._upper[place] = lower, upper
        # At a stop that is the wire's highest price or above it, no price is calm.
        calm = (max(lower, low + 1), upper) if low < HIGHEST else _NONE
        self._calm_from[place], self._calm_to[place] = calm

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
        self._calm_from = _grown(self, "_calm_from", room, np.int32)
        self._calm_to = _grown(self, "_calm_to", room, np.int32)
        for low, high in ((self._lower, self._upper), (self._calm_from, self._calm_to)):
            low[NOBODY], high[NOBODY] = 0, HIGHEST


def _grown(board: PriceTable, name: str, room: int, kind: type[np.generic]) -> Integers:
    grown = np.zeros(room, kind)
    before = getattr(board, name, None)
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
