"""Texts and data of alerts that an operator or user has to act on."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.errors import AccountNotConnected, CalendarUnknown, ForeignStart
from domain.exit_obstacle import Obstacle
from domain.margin import Margin
from domain.money import price_text
from domain.order import BrokerOrder, Leg, OrderStatus
from domain.reconciler import DoubtfulOrder
from domain.run import ActivateRun, Alarm, EnterOrder, ExitOrder, FinishRun, StartRun
from domain.session import clock_text, exchange_time
from domain.strategy import Outcome, Position, Status
from domain.terms_texts import times_words

_NAMED = 5
"""Purchases that an alarm names; of more it says how many."""


class Due(StrEnum):
    """The action for which a strategy needs a valid login."""

    BUY = "buy"
    SALE = "sale"


@dataclass(frozen=True, slots=True)
class LoginNeeded:
    """A running strategy whose order of today falls due without a valid login at the broker."""

    user_id: UUID
    email: str
    strategy_id: UUID
    symbol: str
    due: Due
    due_at: datetime
    ends_at: datetime | None
    """When the stored login ends; None when it has ended, is dead, or was never there."""


@dataclass(frozen=True, slots=True)
class FundsShort:
    """Purchases of today, soonest first, for which an account has too little money."""

    user_id: UUID
    entries: tuple[StartRun, ...]
    margin: Margin


@dataclass(frozen=True, slots=True)
class LeftOver:
    """Shares that a stopped strategy still holds without the user's choice, or has sold twice."""

    strategy_id: UUID
    user_id: UUID
    email: str
    exchange: str
    symbol: str
    product: str
    quantity: int
    since: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class Differing:
    """A strategy whose account shows something else than it holds; `kind`: missing, oversold or unread."""

    kind: str
    strategy_id: UUID
    user_id: UUID
    email: str
    exchange: str
    symbol: str
    product: str
    quantity: int
    since: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """An order that may or may not be at the broker, or is there without a run that follows it."""

    order_id: UUID
    strategy_id: UUID
    user_id: UUID
    email: str
    exchange: str
    symbol: str
    product: str
    leg: Leg
    quantity: int
    tag: str
    status: OrderStatus
    strategy_status: Status
    since: datetime
    message: str


def foreign_start_alarm(request: ActivateRun, why: ForeignStart) -> Alarm:
    """Return the operator's alarm for a run that differs from its stored START."""
    ref = request.ref
    text = (
        f"A run stood down and trades nothing: {why}. Its workflow is {ref.workflow_id}, run {ref.run_id}: "
        "find out what reaches Temporal's port and can start workflows there."
    )
    data = {"workflow_id": ref.workflow_id, "run_id": ref.run_id, "strategy_id": str(ref.strategy_id)}
    return Alarm("foreign_start", text, data=data)


def unreadable_run_alarm(workflow_type: str, workflow_id: str, run_id: str, why: str) -> Alarm:
    """Return the operator's alarm for a run that was ended since its input cannot be read."""
    text = (
        f"A {workflow_type} run was ended before it did anything: {why}. Its workflow is {workflow_id}, "
        f"run {run_id}: find out what reaches Temporal's port and can start workflows there. If it is one of "
        "your own processes, the worker is of another version: start anew once all are of one version."
    )
    return Alarm("foreign_start", text, data={"workflow_id": workflow_id, "run_id": run_id})


def unknown_start_alarm(end: FinishRun) -> Alarm:
    """Return the operator's alarm for a run whose START the store lost while it traded."""
    ref, strategy = end.ref, end.strategy
    text = (
        f"The run {ref.workflow_id} of {strategy.symbol} {times_words(strategy)} has ended "
        f"({end.outcome.value}: {end.detail}), and the database knows no such START: it was set back to a "
        "backup. The strategy does not show what was traded: look at the account at the broker."
    )
    return Alarm("foreign_start", text, strategy.user_id, strategy.strategy_id)


def foreign_entry_alarm(order: EnterOrder) -> Alarm:
    """Return the operator's alarm for a purchase that no stored START asks for."""
    key, terms = order.key, order.terms
    text = (
        f"{order.quantity or 'Shares of'} {terms.exchange}:{terms.symbol} were not bought: no START of "
        f"strategy {key.strategy_id} for {key.trading_day} was written down that buys this. Find out what "
        "reaches Temporal's port, or whether the database was set back to a backup."
    )
    return Alarm("foreign_start", text, data={"strategy_id": str(key.strategy_id)})


_FAILED = {
    Outcome.MISSED: "missed",
    Outcome.ORDER_FAILED: "order_failed",
    Outcome.REJECTED: "order_rejected",
}
"""Failed outcomes, by the kind of their alarm."""


def outcome_alarm(end: FinishRun) -> Alarm | None:
    """Return the alarm for a run that ended with a failure, None for every other.

    A run that ends holding shares has raised `position_left` itself.
    """
    kind = "closed_outside" if end.outside else _FAILED.get(end.outcome)
    if kind is None or (end.position is Position.BOUGHT and not end.outside):
        return None
    strategy = end.strategy
    text = f"{strategy.symbol} {times_words(strategy)} was stopped: {end.detail.rstrip('.')}."
    return Alarm(kind, text, strategy.user_id, strategy.strategy_id, {"outcome": end.outcome.value})


def calendar_alarm(unknown: CalendarUnknown) -> Alarm:
    """Return the morning's alarm for a calendar that does not say whether today trades."""
    reason = f"Whether the exchange trades today is not known: {unknown}."
    return Alarm(
        "calendar_unknown",
        f"{reason} Until it is, nothing is bought for any user; what is held is watched and sold as ever.",
    )


def login_alarm(needed: LoginNeeded) -> Alarm:
    """Return the morning's alarm for a login without which an order of today cannot be sent."""
    due_at = _clock(needed.due_at)
    state = f"ends at {_clock(needed.ends_at)}" if needed.ends_at is not None else "has ended"
    otherwise = "nothing will be bought" if needed.due is Due.BUY else "the sale waits for it"
    return Alarm(
        "login_needed",
        f"The {needed.due} of {needed.symbol} is due at {due_at} and the login at Zerodha {state}: "
        f"log in before {due_at}, or {otherwise}.",
        needed.user_id,
        needed.strategy_id,
        {"due_at": needed.due_at.isoformat(), "due": needed.due.value},
    )


def funds_alarm(short: FundsShort) -> Alarm:
    """Return the morning's alarm for an account whose money does not cover the purchases of today."""
    first, margin = short.entries[0], short.margin
    named = [f"{one.strategy.symbol} at {_clock(one.plan.buy_at)}" for one in short.entries[:_NAMED]]
    more = f" and {len(short.entries) - _NAMED} more" if len(short.entries) > _NAMED else ""
    return Alarm(
        "funds_short",
        f"What is to be bought today ({', '.join(named)}{more}) needs {price_text(margin.required)} rupees "
        f"at Zerodha if all of it is held at once, and {price_text(margin.available)} are available: "
        f"{price_text(margin.short)} are missing. Add funds before {_clock(first.plan.buy_at)}, or Zerodha "
        "may refuse a purchase.",
        short.user_id,
        first.strategy.strategy_id,
        {"required": str(margin.required), "available": str(margin.available)},
    )


def exit_needs_login_alarm(order: ExitOrder) -> Alarm:
    """Return the alarm for a sale that is due and cannot be sent before its user logs in."""
    return _exit_alarm(
        "exit_needs_login",
        order,
        f"{order.bought} {order.terms.symbol} are to be sold now ({order.reason}), but the login at Zerodha "
        "has ended: log in, and they are sold at once; or sell them at the broker.",
    )


def exit_needs_account_alarm(order: ExitOrder, why: AccountNotConnected) -> Alarm:
    """Return the alarm for a sale that is due in an account that is not the connected one."""
    return _exit_alarm(
        "exit_needs_account",
        order,
        f"{order.bought} {order.terms.symbol} are to be sold now ({order.reason}), but {why}, and they are "
        "sold at once; or sell them at the broker.",
    )


def exit_refused_alarm(order: ExitOrder, found: Obstacle) -> Alarm:
    """Return the alarm for a sale that the broker refuses until a person, another order or a day lifts it."""
    alarm = _exit_alarm("exit_refused", order, found.words(f"{order.bought} {order.terms.symbol}"))
    blocking = " ".join(row.broker_order_id for row in found.blocking)
    return replace(alarm, data={"refusal": found.refusal.value, "blocking": blocking})


def exit_overdue_alarm(order: ExitOrder, seconds: float) -> Alarm:
    """Return the alarm for a sale that has not ended in time."""
    return _exit_alarm(
        "exit_overdue",
        order,
        f"Selling {order.bought} {order.terms.symbol} ({order.reason}) has taken {seconds:g} s so far: the "
        "broker has not answered, what it says of positions and orders cannot be read or does not agree, or "
        "there is no buyer. It goes on by itself; look at the order book at the broker, and sell there if it "
        "must be now.",
    )


def _exit_alarm(kind: str, order: ExitOrder, text: str) -> Alarm:
    return Alarm(kind, text, order.key.user_id, order.key.strategy_id)


def late_entry_alarm(entry: DoubtfulOrder, row: BrokerOrder) -> Alarm:
    """Return the alarm for an entry that turned up late and is being followed to its end."""
    strategy = entry.start.strategy
    text = (
        f"Strategy {strategy.strategy_id} ({strategy.symbol}): order {row.broker_order_id} turned up at the "
        f"broker after the strategy had stopped ({row.filled_quantity} filled); "
        "it is brought to its end by on_stop."
    )
    return Alarm("late_entry", text, strategy.user_id, strategy.strategy_id)


def late_exit_alarm(exit_: DoubtfulOrder, row: BrokerOrder) -> Alarm:
    """Return the alarm for a sale that was given up and has sold after all; the rest is cancelled."""
    strategy = exit_.start.strategy
    newly = row.filled_quantity - exit_.attempt.filled_quantity
    surplus = max(0, exit_.sold + newly - exit_.bought)
    more = f"{surplus} more than were bought. {BUY_BACK}" if surplus else "shares that it still held."
    text = (
        f"Strategy {strategy.strategy_id} ({strategy.symbol}): order {row.broker_order_id}, a sale that had "
        f"been given up, turned up at the broker and has sold {newly}: {more}"
    )
    data = {"quantity": str(newly), "surplus": str(surplus), "broker_order_id": row.broker_order_id}
    return Alarm("late_exit", text, strategy.user_id, strategy.strategy_id, data)


BUY_BACK = "Look at the position at the broker, and buy back there what is short."


def left_over_alarm(left: LeftOver) -> Alarm:
    """Return the alarm for shares that no run sells or watches."""
    return Alarm(
        "position_left",
        f"{left.quantity} {left.symbol} are still held by a stopped strategy, and no stop is watched. "
        f"{left.detail.rstrip('.')}. {SELL_LEFT_OVER}",
        left.user_id,
        left.strategy_id,
        {"quantity": str(left.quantity), "since": left.since.isoformat()},
    )


SELL_LEFT_OVER = (
    'Stop the strategy again with on_stop "exit", which sells them at once or at the next opening; '
    "or sell them at the broker."
)


_ADVICE = {
    "missing": (
        "Ask the user whether they sold them. Nothing has to be done: no more is sold than the account "
        "shows, and a run of which nothing is left ends within a minute."
    ),
    "oversold": "Look at the position at the broker, and buy back there what is short, unless it is meant.",
    "unread": "Have the user log in again; see whether the broker answers. Until then nothing is compared.",
}


def difference_advice(kind: str) -> str:
    """Return what to do about an account that shows something else than a strategy holds."""
    return _ADVICE[kind]


def doubt_advice(doubt: InDoubt) -> str:
    """Return what to do about an order in doubt."""
    look = f"Look for the tag {doubt.tag} in the broker's order book, then"
    settle = f"settle it: stopwatch orders resolve {doubt.order_id} --as placed:ORDER_NUMBER or"
    other = "not-placed" if doubt.leg is Leg.EXIT else "not-placed (or absent)"
    if doubt.strategy_status is Status.RUNNING:
        return f"Its run is asking the order book. If that lasts: {look.lower()} {settle} {other}."
    return f"{look} {settle} {other}."


def _clock(instant: datetime) -> str:
    return clock_text(exchange_time(instant).time())
