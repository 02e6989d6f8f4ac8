"""Tells whether a strategy buys again after a round of it was sold, and at what price. No I/O, no clock.

A round is over once nothing of it is held. What follows, as a table; all of the left side must hold:

| the round ...                                                          | else                            |
|------------------------------------------------------------------------|---------------------------------|
| was sold, all of it, by the stop or the target, as `after` asks        | the day ends with its outcome   |
| is certain: no sale in doubt, no share gone at the broker              | the day ends with its outcome   |
| was not stopped, cancelled, adopted, or broken by a fault              | the day ends with its outcome   |
| is one of at most `times` after the first                              | the day ends with its outcome   |
| ended before `until`, and before the sale is due                       | the day ends with its outcome   |
| has an entry price that is known, where `when` asks for it             | the day ends with its outcome   |

Before each such purchase the account is read: it must not be short of the shares (`execution.flat_check`).

Then a new run of the same START waits: for the price, or for nothing; until `until`. It buys by the same
terms, as a round of its own with orders and tags of its own.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.money import price_text
from domain.order import Reason
from domain.session import DayPlan, at, clock_text
from domain.strategy import Outcome
from domain.terms import After, Reenter, When


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """How a round ended. `certain`: it is flat beyond doubt, and its end was not asked for."""

    outcome: Outcome
    detail: str
    entry_price: Decimal | None
    certain: bool


@dataclass(frozen=True, slots=True)
class Again:
    """A round that follows another one of the same START: the n-th purchase after the first.

    `after`, `entry_price` and `detail` are of the round before it.
    """

    number: int
    after: Outcome
    entry_price: Decimal | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AwaitedPrice:
    """A price that a purchase waits for: at or above `price`, or at or below it; until an instant."""

    price: Decimal
    above: bool
    until: datetime

    def is_reached(self, last: Decimal) -> bool:
        return last >= self.price if self.above else last <= self.price


_AFTER = {
    After.STOP: (Outcome.STOP_LOSS,),
    After.TARGET: (Outcome.TARGET,),
    After.BOTH: (Outcome.STOP_LOSS, Outcome.TARGET),
}
REASONS = {Reason.STOPLOSS: Outcome.STOP_LOSS, Reason.TARGET: Outcome.TARGET}


def buys_again(
    reenter: Reenter | None, plan: DayPlan, before: Again | None, end: RoundEnd, now: datetime
) -> Again | None:
    """Return the round that follows; None where the day ends. `before`: what the round itself followed."""
    if reenter is None or not end.certain or end.outcome not in _AFTER[reenter.after]:
        return None
    number = 1 if before is None else before.number + 1
    if number > reenter.times or now >= until(reenter, plan):
        return None
    if reenter.when is When.AT_ENTRY_PRICE and end.entry_price is None:
        return None
    return Again(number, end.outcome, end.entry_price, end.detail)


def until(reenter: Reenter, plan: DayPlan) -> datetime:
    """Return from when on nothing is bought again."""
    return min(at(plan.trading_day, reenter.until), plan.sell_at)


def awaited(reenter: Reenter, plan: DayPlan, again: Again) -> AwaitedPrice | None:
    """Return the price that is waited for; None where it buys at once."""
    if reenter.when is When.AT_ONCE or again.entry_price is None:
        return None
    return AwaitedPrice(again.entry_price, again.after is Outcome.STOP_LOSS, until(reenter, plan))


def again_words(reenter: Reenter, plan: DayPlan, again: Again) -> str:
    """Return the timeline's line: what was sold, and when it is bought again."""
    waits = awaited(reenter, plan, again)
    when = "at once" if waits is None else f"when {_reached(waits)}"
    last = clock_text(reenter.until)
    return f"{again.detail}. Bought again {when}, until {last} (number {again.number} of {reenter.times})."


def due_words(reenter: Reenter, plan: DayPlan, again: Again) -> str:
    """Say of a purchase that is due why it is made now: `at once, after the stop (number 1 of 2)`."""
    waits = awaited(reenter, plan, again)
    after = "stop" if again.after is Outcome.STOP_LOSS else "target"
    why = f"at once, after the {after}" if waits is None else f"now that {_reached(waits)}"
    return f"{why} (number {again.number} of {reenter.times})"


def _reached(waits: AwaitedPrice) -> str:
    return f"the price is at or {'above' if waits.above else 'below'} {price_text(waits.price)}"
