"""Says how an entry ended, in the user's words."""

from collections.abc import Sequence
from datetime import datetime

from domain.leg import average_price, filled
from domain.money import price_text
from domain.order import Attempt, Move, OrderStatus
from domain.run import Entered, EnterOrder
from domain.session import clock_text, exchange_time
from domain.strategy import Outcome

_WHY_NOTHING = {
    OrderStatus.REJECTED: (Outcome.REJECTED, "the broker rejected it: {}"),
    OrderStatus.NOT_PLACED: (Outcome.ORDER_FAILED, "it could not be placed: {}"),
    OrderStatus.CANCELLED: (Outcome.ORDER_FAILED, "nothing was filled in time, so it was cancelled {}"),
    OrderStatus.ABSENT: (
        Outcome.ORDER_FAILED,
        "it is in doubt: sent, but the broker never answered and its order book does not show it. "
        "Look at your broker's order book; it is watched until the market closes. {}",
    ),
}


def entered_by(attempts: Sequence[Attempt]) -> Entered:
    """Return what the attempts of an entry came to, once all are over."""
    bought = filled(attempts)
    in_doubt = any(attempt.status is OrderStatus.ABSENT for attempt in attempts)
    if bought or not attempts:
        return Entered(bought, average_price(attempts), in_doubt=in_doubt)
    last = attempts[-1]
    if last.verdict is not None and last.status is OrderStatus.NOT_PLACED:
        return Entered(0, outcome=last.verdict, detail=last.message, in_doubt=in_doubt)
    if last.status is OrderStatus.CANCELLED and last.limit is not None:
        return Entered(0, outcome=Outcome.SKIPPED, detail=_unfilled(last))
    outcome, words = _WHY_NOTHING[last.status]
    return Entered(0, outcome=outcome, detail=words.format(last.message).strip(), in_doubt=in_doubt)


def _unfilled(last: Attempt) -> str:
    limit = "" if last.limit is None else f" at {price_text(last.limit.price)}"
    changes = "" if last.move is None else f", after {_changes(last.move)}"
    return (
        f"nothing was filled{limit} in its time{changes}, so the order was cancelled {last.message}".strip()
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
