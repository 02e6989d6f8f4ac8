"""Says how an entry ended, in the user's words."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto

from domain.leg import average_price, filled
from domain.money import price_text
from domain.order import Attempt, Move, OrderStatus
from domain.run import Entered, EnterOrder
from domain.session import clock_text, exchange_time
from domain.strategy import Outcome


class Cancelled(Enum):
    """Why an order of an entry was cancelled that was not filled."""

    IN_ITS_TIME = auto()
    """It had rested as long as it may."""
    CUT_SHORT = auto()
    """Its run was to leave."""
    OUTSIDE = auto()
    """A hand at the broker did, or the broker or the exchange."""


_WHY_NOTHING = {
    OrderStatus.REJECTED: (Outcome.REJECTED, "the broker rejected it: {}"),
    OrderStatus.NOT_PLACED: (Outcome.ORDER_FAILED, "it could not be placed: {}"),
    OrderStatus.ABSENT: (
        Outcome.ORDER_FAILED,
        "it is in doubt: sent, but the broker never answered and its order book does not show it. "
        "Look at your broker's order book; it is watched until the market closes. {}",
    ),
}


def entered_by(attempts: Sequence[Attempt], cancelled: Cancelled = Cancelled.IN_ITS_TIME) -> Entered:
    """Return what the attempts of an entry came to, once all are over; `cancelled` as its last one was."""
    bought = filled(attempts)
    in_doubt = any(attempt.status is OrderStatus.ABSENT for attempt in attempts)
    if bought or not attempts:
        why = _rest_words(attempts, cancelled)
        return Entered(bought, average_price(attempts), detail=why, in_doubt=in_doubt)
    last = attempts[-1]
    if last.verdict is not None and last.status is OrderStatus.NOT_PLACED:
        return Entered(0, outcome=last.verdict, detail=last.message, in_doubt=in_doubt)
    if last.status is OrderStatus.CANCELLED:
        outcome = Outcome.ORDER_FAILED if last.limit is None else Outcome.SKIPPED
        cut = cancelled is Cancelled.CUT_SHORT
        return Entered(
            0, outcome=outcome, detail=_unfilled(last, cancelled), in_doubt=in_doubt, cut_short=cut
        )
    outcome, words = _WHY_NOTHING[last.status]
    return Entered(0, outcome=outcome, detail=words.format(last.message).strip(), in_doubt=in_doubt)


def _unfilled(last: Attempt, cancelled: Cancelled) -> str:
    at = "" if last.limit is None else f" at {price_text(last.limit.price)}"
    changes = "" if last.move is None else f", after {_changes(last.move)}"
    if cancelled is Cancelled.CUT_SHORT:
        words = f"the open order{at} was cancelled, and nothing of it was filled{changes}"
    elif cancelled is Cancelled.OUTSIDE:
        words = f"{_by_others(at)}, and nothing of it was filled{changes}"
    else:
        time = "in time" if last.limit is None else "in its time"
        words = f"nothing was filled{at} {time}{changes}, so the order was cancelled"
    return f"{words}: {last.message}" if last.message else words


def _rest_words(attempts: Sequence[Attempt], cancelled: Cancelled) -> str:
    """Say who cancelled the rest of an order that was filled in part; nothing where it was done here."""
    last = attempts[-1] if attempts else None
    if last is None or last.status is not OrderStatus.CANCELLED or cancelled is not Cancelled.OUTSIDE:
        return ""
    rest = f"{last.filled_quantity} of {last.quantity or '?'} were filled"
    return f"{_by_others('')}, and {rest}"


def _by_others(at: str) -> str:
    return (
        f"somebody else cancelled the order{at} before its time, by hand at the broker, "
        "or it was the broker or the exchange"
    )


def _changes(move: Move) -> str:
    """Say how often a price was changed, as the order book has shown it: what was asked for may be lost."""
    if move.made == move.number:
        return f"{move.made} {_plural(move.made)} of its price"
    asked = f"{move.number} {_plural(move.number)} of its price asked for"
    return f"{asked}, of which the order book has shown {move.made or 'none'}"


def _plural(number: int) -> str:
    return "change" if number == 1 else "changes"


def never_sent(attempts: Sequence[Attempt]) -> bool:
    """Tell whether an entry was called off with nothing sent: there is nothing to look for at the broker."""
    return len(attempts) == 1 and attempts[0].verdict is not None and attempts[0].sent_at is None


def missed(
    order: EnterOrder, attempts: Sequence[Attempt], now: datetime, latest: datetime, why: str = ""
) -> Entered:
    """Return the result of an entry that could not be sent until `latest`, with the last refusal if any.

    `why`: what it waited for.
    """
    due = clock_text(exchange_time(order.due_at).timetz())
    allowed = f"{round((latest - order.due_at).total_seconds(), 1):g} s"
    if len(attempts) > 1:
        detail = f"refused until {allowed} after {due} had passed: {attempts[-2].message}"
        return Entered(0, outcome=Outcome.ORDER_FAILED, detail=detail)
    late = (now - order.due_at).total_seconds()
    detail = f"missed execution: {late:.1f} s after {due}; an entry is sent at most {allowed} late"
    if why:
        detail = f"{detail}. {why}"
    return Entered(0, outcome=Outcome.MISSED, detail=detail)
