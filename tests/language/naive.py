"""Decides by hand what a strategy does on a path of prices, as the contract's section 7 words it.

Written from the contract alone, one price after the other, in whole ticks and fractions: it shares nothing
with the product but the terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from domain.terms import Distance, Terms, Unit


@dataclass(frozen=True, slots=True)
class Decision:
    """The first price of a path that sells: its number from 0, and whether for the stop or the target."""

    at: int
    kind: str


def decide(
    stop_loss: Decimal | None, terms: Terms, entry: Decimal, tick: Decimal, path: Sequence[Decimal]
) -> Decision | None:
    """Return when a strategy that was filled at `entry` sells on this path; None when it does not."""
    bought, step = Fraction(entry), Fraction(tick)
    stop = _first_stop(stop_loss, terms, bought, step)
    target = _target(terms, bought, step)
    peak: Fraction | None = None
    for number, price in enumerate(map(Fraction, path)):
        if price <= stop:
            return Decision(number, "STOP")
        if target is not None and price >= target:
            return Decision(number, "TARGET")
        if peak is None or price > peak:
            peak = price
            stop = max(stop, _earned(stop_loss, terms, bought, step, peak))
    return None


def _rupees(distance: Distance, bought: Fraction) -> Fraction:
    amount = Fraction(distance.amount)
    return amount if distance.unit is Unit.POINTS else bought * amount / 100


def _first_stop(stop_loss: Decimal | None, terms: Terms, bought: Fraction, step: Fraction) -> Fraction:
    if stop_loss is not None:
        return Fraction(stop_loss)
    assert terms.stop is not None
    return _up(bought - _rupees(terms.stop, bought), step)


def _target(terms: Terms, bought: Fraction, step: Fraction) -> Fraction | None:
    if terms.target is None:
        return None
    if terms.target.price is not None:
        return Fraction(terms.target.price)
    assert terms.target.distance is not None
    return floor((bought + _rupees(terms.target.distance, bought)) / step) * step


def _earned(
    stop_loss: Decimal | None, terms: Terms, bought: Fraction, step: Fraction, peak: Fraction
) -> Fraction:
    """Return the highest stop that a peak has earned, never above the peak; 0 where it has earned none."""
    earned = [Fraction(0)]
    trail = terms.trail
    if trail is not None and (trail.after is None or peak - bought >= _rupees(trail.after, bought)):
        if trail.every is None:
            earned.append(peak - _rupees(trail.by, bought))
        else:
            full = floor((peak - bought) / _rupees(trail.every, bought))
            if full > 0:
                earned.append(_first_stop(stop_loss, terms, bought, step) + full * _rupees(trail.by, bought))
    for rung in terms.lock:
        if peak - bought >= _rupees(rung.after, bought):
            earned.append(bought + _rupees(rung.keep, bought))
    return max(min(_up(at, step), peak) for at in earned)


def _up(price: Fraction, step: Fraction) -> Fraction:
    return ceil(price / step) * step
