"""Decides when a sale that was refused is tried again, and what its user is told until then.

After an attempt of an exit, by how it ended:

| the newest attempt            | the next                                                             |
|-------------------------------|----------------------------------------------------------------------|
| not refused                   | at once, by the rules of `domain.leg`                                |
| refused, passes by itself     | after `refusal.PAUSES`: slower with each refusal in a row            |
| refused, a person or a day    | after `refusal.SELDOM`; told once                                    |
| refused, an open SELL order   | when the order book shows none any more; told once for each order    |
| any of these, but `lifted`    | at once: the user's word, a new login                                |

While it waits, the account is looked at: shares that are gone end the exit (`domain.sellable`). `keep` and
the market's close end every wait.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.leg import filled
from domain.money import price_text
from domain.order import Attempt, BrokerOrder, LegKey, OrderStatus, OrderTerms, Side
from domain.refusal import RULES, SELDOM, LiftedBy, Refusal, pause_after

NO_REASON = "the broker did not take its last order, and gave no reason"
_ENDED = frozenset({OrderStatus.REJECTED, OrderStatus.NOT_PLACED})


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a sale from being sent: its newest refusal, and for how long nothing is tried."""

    refusal: Refusal
    attempt: int
    """The number of the attempt that was refused."""
    wait: timedelta
    message: str = ""
    """The broker's words."""
    blocking: tuple[BrokerOrder, ...] = ()
    """The account's other open orders for the same shares."""

    @property
    def is_others(self) -> bool:
        """Tell whether a person, another order or another day has to lift it: trying does not help."""
        return bool(self.blocking) or RULES[self.refusal].seldom

    @property
    def name(self) -> str:
        """Return a key under which its user is told of it once."""
        return ":".join((self.refusal, *sorted(order.broker_order_id for order in self.blocking)))

    def words(self, what: str) -> str:
        """Tell the user what is in the way of selling `what`, what lifts it, when it is tried again."""
        why = f"{what} are to be sold now, and the broker refuses it: {self.message.rstrip('.')}."
        if self.blocking:
            orders = " and ".join(map(order_words, self.blocking))
            return (
                f"{why} In the way is {orders}. Cancel it in Kite, or let it sell the shares: what is left "
                "is sold the moment it is gone."
            )
        rule = RULES[self.refusal]
        advice = "" if rule.advice in self.message else f" {rule.advice}"
        minutes = SELDOM // timedelta(minutes=1)
        return (
            f"{why}{advice} It is tried again every {minutes} minutes, and at once when you stop the "
            "strategy and have it sell."
        )


_UNSAID = {
    OrderStatus.COMPLETE: "its last order has sold all it was for",
    OrderStatus.CANCELLED: "its last order was cancelled before all of it was filled",
    OrderStatus.REJECTED: NO_REASON,
    OrderStatus.NOT_PLACED: NO_REASON,
    OrderStatus.ABSENT: "its last order is in no order book",
}


def left_words(attempts: Sequence[Attempt], bought: int) -> str:
    """Say how much a sale has sold whose last order left shares, and why: `4 of 10 sold: no funds`."""
    sold, last = filled(attempts), attempts[-1]
    why = last.message or _UNSAID.get(last.status, "what came of its last order is not known yet")
    return f"{sold or 'none'} of {bought} sold: {why}"


def order_words(order: BrokerOrder) -> str:
    """Name an order of the account: `your order 2511 (SELL 4 TCS, LIMIT at 3600)`."""
    kind = order.order_type or "order"
    price = f" at {price_text(order.price)}" if order.price is not None else ""
    return (
        f"your order {order.broker_order_id} ({order.side or '?'} {order.open_quantity} {order.symbol}, "
        f"{kind}{price})"
    )


def obstacle(attempts: Sequence[Attempt], now: datetime, lifted: int) -> Obstacle | None:
    """Return what keeps the next attempt from being sent at `now`; None where nothing does.

    `lifted` is the number of the newest attempt whose refusal does not count any more.
    """
    last = attempts[-1] if attempts else None
    if last is None or last.refusal is None or last.status not in _ENDED or last.attempt <= lifted:
        return None
    pause = pause_after(last.refusal, _in_a_row(attempts, lifted))
    since = now - last.sent_at if last.sent_at is not None else timedelta(0)
    # A worker's clock that is behind the store's must not make the wait longer than the pause.
    wait = min(pause, pause - since)
    if wait <= timedelta(0) and not waits_for_an_order(last.refusal):
        return None
    return Obstacle(last.refusal, last.attempt, max(wait, timedelta(0)), last.message)


def blocking(book: Iterable[BrokerOrder], key: LegKey, terms: OrderTerms) -> tuple[BrokerOrder, ...]:
    """Return the account's open SELL orders for the same shares that are not this leg's own.

    On whichever exchange: what is held is one and the same. Of another product only where a row names none.
    """
    own = key.numbers().keys()
    return tuple(
        order
        for order in book
        if order.side is Side.SELL
        and order.symbol == terms.symbol
        and order.product in (terms.product, "")
        and order.open_quantity > 0
        and not order.tags & own
    )


def pausing(found: Obstacle) -> Obstacle | None:
    """Return an obstacle of which only its pause is left, None when that is over."""
    return found if found.wait > timedelta(0) else None


def waits_for_an_order(refusal: Refusal) -> bool:
    """Tell whether only the order book says when a refusal is lifted."""
    return RULES[refusal].lifted_by is LiftedBy.OTHER_ORDER


def _in_a_row(attempts: Sequence[Attempt], lifted: int) -> int:
    count = 0
    for attempt in reversed(attempts):
        if attempt.refusal is None or attempt.filled_quantity or attempt.attempt <= lifted:
            break
        count += 1
    return count
