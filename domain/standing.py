"""Computes where a strategy's stop and target stand now, from its terms, its fills and the peak.

| the stop is at least                           | from when on                                   |
|------------------------------------------------|------------------------------------------------|
| `stop_loss`, or the entry less `stop`          | the first filled share                         |
| the peak less `trail.by`                       | the peak is `trail.after` above the entry      |
| the first stop, and `trail.by` for each full   | the same                                       |
| `trail.every` of the peak above the entry      |                                                |
| the entry and a rung's `keep`                  | the peak is that rung's `after` above it       |

It is never above the peak. The *entry* is the average price of what was filled; the *peak* is the highest
price that could act since the first fill. Both only ever raise a stop once the entry has ended: then the
average stays, and a peak does not fall.

Prices are rounded to the tick so that the user is never worse off: stops up, targets down. So are those that
the terms name: a series outlives the tick by which it was written.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from domain.money import tick_above, tick_below
from domain.terms import Terms
from domain.trigger import PriceTrigger, stop_at, target_at


@dataclass(frozen=True, slots=True)
class Fills:
    """What the triggers of a holding strategy are measured by.

    `entry`: the average price of what was filled, None while it is not known. `peak`: the highest price that
    could act since, None before the first. `tick`: the symbol's price step; None where nothing is rounded.
    """

    entry: Decimal | None = None
    peak: Decimal | None = None
    tick: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The prices at which a strategy sells now; None where there is none yet."""

    stop: Decimal | None
    target: Decimal | None

    @property
    def triggers(self) -> tuple[PriceTrigger, ...]:
        """Return them as triggers, the first to act first."""
        stop = () if self.stop is None else (stop_at(self.stop),)
        target = () if self.target is None else (target_at(self.target),)
        return stop + target


def standing(stop_loss: Decimal | None, terms: Terms, fills: Fills) -> Standing:
    """Return where stop and target stand now. `stop_loss`: a stop at one price, None with `terms.stop`."""
    return Measured.of(stop_loss, terms, fills.entry, fills.tick).at(fills.peak)


@dataclass(frozen=True, slots=True)
class Measured:
    """Terms in rupees a share, for one entry: what a peak does to them is a few sums from here.

    `first`: the stop before any peak. `after`, of the trail, and the first of each rung: the peak from which
    it counts; the second of each rung: the stop that it earns.
    """

    first: Decimal | None
    target: Decimal | None
    tick: Decimal | None
    entry: Decimal | None = None
    by: Decimal | None = None
    after: Decimal | None = None
    every: Decimal | None = None
    rungs: tuple[tuple[Decimal, Decimal], ...] = ()

    @classmethod
    def of(cls, stop_loss: Decimal | None, terms: Terms, entry: Decimal | None, tick: Decimal | None) -> Self:
        """Measure terms from the average price of what was filled; None while it is not known."""
        target = _target(terms, entry, tick)
        first = None if stop_loss is None else tick_above(stop_loss, tick)
        if entry is None:
            return cls(first, target, tick)
        if first is None and terms.stop is not None:
            first = tick_above(entry - terms.stop.of(entry), tick)
        rungs = tuple((entry + rung.after.of(entry), entry + rung.keep.of(entry)) for rung in terms.lock)
        trail = terms.trail
        if trail is None:
            return cls(first, target, tick, entry, rungs=rungs)
        after = None if trail.after is None else entry + trail.after.of(entry)
        every = None if trail.every is None else trail.every.of(entry)
        return cls(first, target, tick, entry, trail.by.of(entry), after, every, rungs)

    def at(self, peak: Decimal | None) -> Standing:
        """Return where stop and target stand while this is the peak; None: no price acted since the fill."""
        if peak is None:
            return Standing(self.first, self.target)
        raised = [self._below(earned, peak) for earned in self._earned(peak)]
        stop = max((at for at in (self.first, *raised) if at is not None), default=None)
        return Standing(stop, self.target)

    def _earned(self, peak: Decimal) -> Iterator[Decimal]:
        """Yield the stops that the peak has earned, before rounding."""
        if self.by is not None and (self.after is None or peak >= self.after):
            trailed = self._trailed(peak, self.by)
            if trailed is not None:
                yield trailed
        yield from (keep for after, keep in self.rungs if peak >= after)

    def _trailed(self, peak: Decimal, by: Decimal) -> Decimal | None:
        if self.every is None:
            return peak - by
        if self.first is None or self.entry is None:
            return None
        steps = (peak - self.entry) // self.every
        return self.first + steps * by if steps > 0 else None

    def _below(self, earned: Decimal, peak: Decimal) -> Decimal:
        """Return a stop that was earned, on the tick, and never above the peak."""
        return min(peak, tick_above(earned, self.tick))


def _target(terms: Terms, entry: Decimal | None, tick: Decimal | None) -> Decimal | None:
    target = terms.target
    if target is None or target.distance is None:
        return None if target is None or target.price is None else tick_below(target.price, tick)
    return None if entry is None else tick_below(entry + target.distance.of(entry), tick)
