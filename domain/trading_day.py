"""Checks whether an entry still fits its day, by the current calendar, and says why not."""

from datetime import datetime

from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.run import EnterOrder
from domain.session import ClosedDay, DaySource, Session, clock_text, exchange_time

DERIVATIVE_EXCHANGES = ("NFO", "BFO")
_BY = {
    DaySource.OPERATOR: "by the operator's calendar",
    DaySource.EXCHANGE: "by the exchange's own list",
    DaySource.PROVISIONAL: "by an estimate, since the exchange has not published that year's holidays yet",
}


def segment_of(order: EnterOrder) -> Segment:
    """Return the segment of an order; for one planned by an older build, the widest hours of its exchange."""
    if order.segment is not None:
        return order.segment
    return Segment.DERIVATIVES if order.terms.exchange in DERIVATIVE_EXCHANGES else Segment.CASH


def why_not(found: Session | ClosedDay, order: EnterOrder) -> str:
    """Return why the entry does not fit its day any more; empty where it does.

    A day that now ends before the planned sale does not fit either: what is bought could not be sold.
    """
    if isinstance(found, ClosedDay):
        name = f" ({found.name})" if found.name else ""
        return f"the exchange is closed on {found.day}{name}, {_BY[found.source]}"
    if not found.opens_at <= order.due_at < found.closes_at:
        return f"{_hours(found, order)}: its buy time {_clock(order.due_at)} is outside of that"
    last = order.sell_at or order.closes_at
    if last is not None and last > found.closes_at:
        return f"{_hours(found, order)}: it was planned to be sold by {_clock(last)}"
    return ""


def unknown_text(order: EnterOrder, unknown: CalendarUnknown) -> str:
    """Say that nothing is bought on a day that is not known to be a trading day."""
    return (
        f"whether the exchange trades on {order.key.trading_day} is not known ({unknown}), "
        "and nothing is bought on a day that is not known to be a trading day"
    )


def _hours(session: Session, order: EnterOrder) -> str:
    hours = f"from {_clock(session.opens_at)} to {_clock(session.closes_at)}"
    return f"{order.terms.symbol} trades {hours} on {session.day}, {_BY[session.source]}"


def _clock(instant: datetime) -> str:
    return clock_text(exchange_time(instant).timetz())
