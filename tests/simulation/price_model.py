"""What a day of terms and prices comes to, worked out from contract section 7 alone, in fractions.

It shares no rule with the product: no function of `domain/` that computes a price, a quantity or a decision
is used here.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from domain.order import Reason
from domain.strategy import Outcome
from domain.terms import After, Distance, Size, SizeBy, Unit, When
from tests.simulation.day_terms import BUY, SELL
from tests.simulation.priced_day import (
    REENTER_UNTIL,
    SEGMENT,
    SEGMENTS,
    TICK,
    PricedDay,
    Result,
    Round,
)

BAND = Fraction(5, 1000)
"""How far a market order for a share of more than 500 rupees may run (Kite's automatic protection)."""
SOLD_AFTER = 0.5
"""Seconds after a price by which what it has sold is known to be sold."""
LOOKS_AFTER = 3.2
"""Seconds after a sale by which a price has been looked at for another purchase, if there is to be one."""


@dataclass(frozen=True, slots=True)
class _Sale:
    segment: int
    price: Fraction
    reason: Reason
    at: float


def expected(day: PricedDay) -> Result:
    """Return what the day comes to."""
    return _Model(day).result()


class _Model:
    def __init__(self, day: PricedDay) -> None:
        self._day = day
        self._prices = [Fraction(price) for price in day.prices]

    def result(self) -> Result:
        rounds: list[Round] = []
        segment: int | None = 0
        outcome = Outcome.SKIPPED
        while segment is not None:
            shares = self._shares(self._prices[segment])
            if not self._may_buy(self._prices[segment]) or not shares:
                break
            sale = self._sale(segment)
            at, out = (_decimal(price) for price in (self._prices[segment], sale.price))
            rounds.append(Round(shares, at, out, sale.reason))
            outcome = {
                Reason.SELL: Outcome.SOLD,
                Reason.STOPLOSS: Outcome.STOP_LOSS,
                Reason.TARGET: Outcome.TARGET,
            }[sale.reason]
            segment = self._again(segment, sale, len(rounds))
        return Result(tuple(rounds), outcome)

    def _may_buy(self, price: Fraction) -> bool:
        """A purchase is skipped whose fixed stop or fixed target the price has reached."""
        stop, target = self._day.stop_loss, self._day.terms.target
        if stop is not None and price <= Fraction(stop):
            return False
        return target is None or target.price is None or price < Fraction(target.price)

    def _shares(self, price: Fraction) -> int:
        size = self._day.terms.size
        if size is None:
            assert self._day.quantity is not None
            return self._day.quantity
        worst = _up(price * (1 + BAND))
        return math.floor(Fraction(size.rupees) / self._each(size, worst))

    def _each(self, size: Size, worst: Fraction) -> Fraction:
        if size.by is SizeBy.AMOUNT:
            return worst
        if self._day.stop_loss is not None:
            return worst - Fraction(self._day.stop_loss)
        assert self._day.terms.stop is not None
        return _of(self._day.terms.stop, worst)

    def _sale(self, bought: int) -> _Sale:
        """Each price is judged by the stop and the target that stood before it, the stop first.

        A price is seen each second: one that has raised the stop to itself is at the stop a second later.
        """
        entry = peak = self._prices[bought]
        target = self._target(entry)
        for segment in range(bought + 1, SEGMENTS):
            price = self._prices[segment]
            at = BUY + SEGMENT * segment
            if price <= self._stop(entry, peak):
                return _Sale(segment, price, Reason.STOPLOSS, at)
            if target is not None and price >= target:
                return _Sale(segment, price, Reason.TARGET, at)
            peak = max(peak, price)
            if price <= self._stop(entry, peak):
                return _Sale(segment, price, Reason.STOPLOSS, at + 1)
        return _Sale(SEGMENTS - 1, self._prices[-1], Reason.SELL, SELL)

    def _target(self, entry: Fraction) -> Fraction | None:
        target = self._day.terms.target
        if target is None:
            return None
        if target.price is not None:
            return Fraction(target.price)
        assert target.distance is not None
        return _down(entry + _of(target.distance, entry))

    def _stop(self, entry: Fraction, peak: Fraction) -> Fraction:
        first = self._first_stop(entry)
        return max([first, *(min(_up(stop), peak) for stop in self._earned(entry, peak, first))])

    def _first_stop(self, entry: Fraction) -> Fraction:
        if self._day.stop_loss is not None:
            return Fraction(self._day.stop_loss)
        assert self._day.terms.stop is not None
        return _up(entry - _of(self._day.terms.stop, entry))

    def _earned(self, entry: Fraction, peak: Fraction, first: Fraction) -> Iterator[Fraction]:
        gain, trail = peak - entry, self._day.terms.trail
        if trail is not None and (trail.after is None or gain >= _of(trail.after, entry)):
            if trail.every is None:
                yield peak - _of(trail.by, entry)
            elif steps := math.floor(gain / _of(trail.every, entry)):
                yield first + steps * _of(trail.by, entry)
        for rung in self._day.terms.lock:
            if gain >= _of(rung.after, entry):
                yield entry + _of(rung.keep, entry)

    def _again(self, bought: int, sale: _Sale, rounds: int) -> int | None:
        """Return the segment in which it is bought again, None where it is not."""
        reenter = self._day.terms.reenter
        wanted = {
            After.STOP: (Reason.STOPLOSS,),
            After.TARGET: (Reason.TARGET,),
            After.BOTH: (Reason.STOPLOSS, Reason.TARGET),
        }
        if reenter is None or rounds > reenter.times or sale.reason not in wanted[reenter.after]:
            return None
        if reenter.when is When.AT_ONCE:
            return sale.segment if sale.at + SOLD_AFTER < REENTER_UNTIL else None
        if sale.at + LOOKS_AFTER >= REENTER_UNTIL:
            return None
        for segment in range(sale.segment, SEGMENTS):
            if BUY + SEGMENT * segment >= REENTER_UNTIL:
                return None
            price, entry = self._prices[segment], self._prices[bought]
            if price >= entry if sale.reason is Reason.STOPLOSS else price <= entry:
                return segment
        return None


def _of(distance: Distance, entry: Fraction) -> Fraction:
    amount = Fraction(distance.amount)
    return amount if distance.unit is Unit.POINTS else entry * amount / 100


def _up(price: Fraction) -> Fraction:
    return math.ceil(price / Fraction(TICK)) * Fraction(TICK)


def _down(price: Fraction) -> Fraction:
    return math.floor(price / Fraction(TICK)) * Fraction(TICK)


def _decimal(price: Fraction) -> Decimal:
    return Decimal(price.numerator) / Decimal(price.denominator)
