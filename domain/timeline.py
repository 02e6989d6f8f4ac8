"""The timeline's lines: their kinds and their texts. A line says what happened, when, and why."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.entry_price import MOVES
from domain.money import price_text
from domain.order import Attempt, Leg, OrderTerms, Reason
from domain.run import Adoption, Release, SaleLine, StartRun
from domain.session import exchange_time
from domain.strategy import OnStop, Outcome
from domain.terms import Terms
from domain.terms_texts import terms_words


class EventKind(StrEnum):
    """The kind of a line; the stream's event names."""

    STARTED = "started"
    PHASE = "phase"
    STOPPED = "stopped"

    ORDER_ACCEPTED = "order_accepted"
    ORDER_REJECTED = "order_rejected"
    ORDER_NOT_PLACED = "order_not_placed"
    ORDER_UNKNOWN = "order_unknown"
    ORDER_FOUND = "order_found"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_CHANGED = "order_changed"
    """The broker shows an open order at a new price."""
    ORDER_ABSENT = "order_absent"
    ORDER_TWICE = "order_twice"
    BOUGHT = "bought"
    PRICED = "priced"
    """The broker said a fill's price later than the fill."""
    SOLD = "sold"

    STOP_LOSS = "stop_loss"
    TARGET = "target"
    STOP_ASKED = "stop_asked"
    CANCELLED = "cancelled"
    LATE = "late"
    MISSED = "missed"
    SKIPPED = "skipped"
    WAITING = "waiting"
    """Something is in the way and is waited for: a login, a price, a part that is away."""
    EMERGENCY = "emergency"
    ADOPTED = "adopted"
    REPAIRED = "repaired"
    CALENDAR = "calendar"
    """The day that waits turns out closed, or is open after all."""
    PROTECTION = "protection"
    """Where the stop of held shares lies from now on: at the exchange, or with the server alone."""
    RESOLVED = "resolved"
    """A person has settled an order in doubt by hand."""
    ALERT = "alert"


_WORDS = {
    Outcome.SOLD: "sold at its time",
    Outcome.STOP_LOSS: "sold, the stop was hit",
    Outcome.TARGET: "sold, the target was reached",
    Outcome.STOPPED: "stopped by the user",
    Outcome.KEPT: "the shares are kept",
    Outcome.CLOSED_OUTSIDE: "the shares were gone at the broker",
    Outcome.MISSED: "the buy time was missed",
    Outcome.SKIPPED: "nothing was bought",
    Outcome.ORDER_FAILED: "the order failed",
    Outcome.REJECTED: "the broker rejected the order",
    Outcome.CANCELLED: "the run was cancelled",
    Outcome.TERMINATED: "the run was terminated from outside",
}


def moment_text(instant: datetime) -> str:
    """Return a moment on the exchange's clock: `09:30:00`."""
    return exchange_time(instant).strftime("%H:%M:%S")


def lateness_text(late: timedelta) -> str:
    """Return `3 ms after`, `1.2 s after` or, ahead of time, `4 ms before`."""
    milliseconds = round(late / timedelta(milliseconds=1))
    amount = f"{abs(milliseconds)} ms" if abs(milliseconds) < 1000 else f"{abs(milliseconds) / 1000:.1f} s"
    return f"{amount} {'before' if milliseconds < 0 else 'after'}"


def started_text(start: StartRun, held: int) -> str:
    """Say what a START will do; `held` are the shares it begins with."""
    strategy, plan = start.strategy, start.plan
    if start.release is Release.KEEP:
        return f"Asked to keep the {held} {strategy.symbol} that are still held."
    if start.release is Release.LOOK:
        return f"Looking in the account whether the {held} {strategy.symbol} are still held."
    day = f"{exchange_time(plan.buy_at):%A} {exchange_time(plan.buy_at).day} {exchange_time(plan.buy_at):%b}"
    sells = _short(plan.sell_at)
    if start.sell_only:
        return f"Started: sells the {held} {strategy.symbol} it still holds, {day} {sells}."
    return f"Started: buys {day} {_short(plan.buy_at)}, sells {sells}, {terms_words(strategy)}."


def stopped_text(outcome: Outcome, detail: str, held: int) -> str:
    """Say how a run ended, and what is left of it."""
    words = detail.rstrip(".") or _WORDS[outcome]
    said = f"S{words[1:]}." if words.startswith("stopped") else f"Stopped: {words}."
    return f"{said} {held} shares are still held." if held else said


def left_unwatched_text(held: int, symbol: str) -> str:
    """Say that shares were bought that the run, as it ended, did not know of."""
    return (
        f"{held} {symbol} were bought in the moment in which the run ended: no stop is watched, and nothing "
        'sells them. Stop the strategy again with on_stop "exit", or keep them with "keep".'
    )


def accepted_text(attempt: Attempt, terms: OrderTerms) -> str:
    """Say that the broker gave an order a number."""
    if attempt.resting is not None:
        stop = f"sells {attempt.quantity} {terms.symbol} at {price_text(attempt.resting.triggers[-1])}"
        return f"The broker took a stop for the exchange, which {stop}: {attempt.broker_order_id}."
    return f"The broker took {_order(attempt, terms)}: {attempt.broker_order_id}{_sent(attempt)}."


def rejected_text(attempt: Attempt, terms: OrderTerms, message: str) -> str:
    """Say that the broker rejected an order for good, in its words."""
    return f"The broker rejected {_order(attempt, terms)}: {_because(message)}."


def not_placed_text(attempt: Attempt, terms: OrderTerms, message: str) -> str:
    """Say that an attempt certainly never became an order."""
    return (
        f"Attempt {attempt.attempt} to {_verb(attempt)} {terms.symbol} was not placed: {_because(message)}."
    )


def unknown_text(attempt: Attempt, terms: OrderTerms, message: str) -> str:
    """Say that it is unknown whether an order exists."""
    return (
        f"No clear answer to {_order(attempt, terms)} ({_because(message)}). "
        "It may or may not be placed: the order book is asked before anything else."
    )


def found_text(attempt: Attempt, terms: OrderTerms) -> str:
    """Say that an order without an answer is in the order book after all."""
    return f"Found {_order(attempt, terms)} in the order book: {attempt.broker_order_id}."


def cancelled_text(attempt: Attempt, terms: OrderTerms, message: str) -> str:
    """Say that an order ended before all of it was filled."""
    filled = f"{attempt.filled_quantity} of {attempt.quantity or '?'} were filled"
    reason = f" ({message.rstrip('.')})" if message else ""
    return f"The order to {_verb(attempt)} {terms.symbol} was cancelled{reason}; {filled}."


def changed_text(attempt: Attempt, terms: OrderTerms) -> str:
    """Say at what price an open order rests now, and how often that was changed."""
    made, asked = (0, 0) if attempt.move is None else (attempt.move.made, attempt.move.number)
    count = f"{made} of at most {MOVES}" if made == asked else f"{made}; {asked} of at most {MOVES} asked for"
    price = "" if attempt.limit is None else f" at {price_text(attempt.limit.price)} or less"
    return f"The price ran on: {terms.symbol} is bought{price} now (change {count})."


def absent_text(attempt: Attempt, terms: OrderTerms, message: str) -> str:
    """Say that an order was looked for long enough."""
    return (
        f"{_order(attempt, terms, 'The')} was sent and never answered, and the order book does not show it: "
        f"{_because(message)}."
    )


def resolved_text(attempt: Attempt, terms: OrderTerms, verdict: str, operator: str, reason: str) -> str:
    """Say how an operator settled an order in doubt."""
    return f"{_order(attempt, terms, 'The')} was settled by hand: {verdict} ({operator}: {_because(reason)})."


def twice_text(attempt: Attempt, terms: OrderTerms, other: str) -> str:
    """Say that two broker orders carry one tag."""
    return (
        f"The broker shows two orders for one request to {_verb(attempt)} {terms.symbol}: "
        f"{attempt.broker_order_id} and {other}. Check the account."
    )


def filled_text(attempt: Attempt, terms: OrderTerms) -> str:
    """Say what was bought or sold: `Bought 10 TCS at 3501.25 (asked 10), 3 ms after 09:30:00.`"""
    verb = "Bought" if attempt.key.leg is Leg.ENTRY else _SOLD.get(attempt.reason, "Sold")
    price = f" at {price_text(attempt.average_price)}" if attempt.average_price is not None else ""
    asked = f" (asked {attempt.quantity})" if attempt.quantity is not None else ""
    sent = "" if attempt.resting is not None else _sent(attempt)  # a stop was sent long before
    return f"{verb} {attempt.filled_quantity} {terms.symbol}{price}{asked}{sent}."


def fixed_level(reason: Reason, stop_loss: Decimal | None, terms: Terms) -> Decimal | None:
    """Return the price at which a trigger stands whatever happens; None where it moves or is measured."""
    if reason is Reason.STOPLOSS:
        return None if terms.moves else stop_loss
    return terms.target.price if terms.target is not None else None


def sale_line(
    reason: Reason, held: int, symbol: str, due_at: datetime, level: Decimal | None
) -> SaleLine | None:
    """Say why shares are sold, as far as the order alone tells; None where its run alone knows.

    `level`: the price of the stop or the target, None where it moves.
    """
    if reason is Reason.SELL:
        return SaleLine(EventKind.PHASE, f"It is {_short(due_at)}: selling {held} {symbol}.")
    if reason.by_price:
        name, kind = _REACHED[reason]
        reached = f"The price reached the {name}" + ("" if level is None else f" {price_text(level)}")
        return SaleLine(kind, f"{reached}: selling {held} {symbol} at once.")
    return None


def unseen_words(filled_at: datetime) -> str:
    """Say when a stop sold at the exchange while the product could not look."""
    return f" The exchange sold it at {moment_text(filled_at)}, while Stopwatch could not look."


SOLD_ALREADY = "All of it was sold before the run could hold it: finding out how."
"""What a run says that reaches its holding when nothing is held any more."""


def priced_text(attempt: Attempt, terms: OrderTerms) -> str:
    """Say the price of a fill that was told without one: `The price is known now: 10 TCS bought at 3501.`"""
    verb = "bought" if attempt.key.leg is Leg.ENTRY else "sold"
    price = price_text(attempt.average_price) if attempt.average_price is not None else "?"
    return f"The price is known now: {attempt.filled_quantity} {terms.symbol} {verb} at {price}."


_REACHED = {Reason.STOPLOSS: ("stop", EventKind.STOP_LOSS), Reason.TARGET: ("target", EventKind.TARGET)}
_SOLD: dict[Reason | None, str] = {
    Reason.STOPLOSS: "Stop hit: sold",
    Reason.TARGET: "Target reached: sold",
    Reason.STOP: "Stopped: sold",
}


def _short(instant: datetime) -> str:
    local = exchange_time(instant)
    return local.strftime("%H:%M:%S" if local.second else "%H:%M")


def _verb(attempt: Attempt) -> str:
    return attempt.key.leg.side.lower()


def _order(attempt: Attempt, terms: OrderTerms, article: str = "the") -> str:
    quantity = f"{attempt.quantity} " if attempt.quantity is not None else ""
    limit = "" if attempt.limit is None else f" at {price_text(attempt.limit.price)} or less"
    return f"{article} order to {_verb(attempt)} {quantity}{terms.symbol}{limit}"


def _sent(attempt: Attempt) -> str:
    if attempt.sent_at is None or attempt.due_at is None:
        return ""
    return f", {lateness_text(attempt.sent_at - attempt.due_at)} {moment_text(attempt.due_at)}"


def _because(message: str) -> str:
    return message.rstrip(". ") or "no reason was given"


def adopted_text(start: StartRun) -> str:
    """Say why a run takes over the shares or orders of an earlier one."""
    keeps = start.strategy.on_stop is OnStop.KEEP
    end = "what it holds is kept" if keeps else "what it holds is sold"
    if start.adopted is Adoption.LATE_ENTRY:
        return f"An order that was in doubt turned up at the broker after the strategy had stopped: {end}."
    return f"The run was ended from outside: a new one has taken the strategy over, and {end}."
