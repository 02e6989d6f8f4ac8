"""Checks whether an entry still fits its day, by the current calendar, and says why not."""

from datetime import date, datetime

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
    return order.segment or widest_segment(order.terms.exchange)


def widest_segment(exchange: str) -> Segment:
    """Return the segment of an exchange that trades longest."""
    return Segment.DERIVATIVES if exchange in DERIVATIVE_EXCHANGES else Segment.CASH


def why_not(found: Session | ClosedDay, order: EnterOrder) -> str:
    """Return why the entry does not fit its day any more; empty where it does."""
    return why_unfit(found, order.terms.symbol, order.due_at, order.sell_at or order.closes_at)


def why_unfit(found: Session | ClosedDay, symbol: str, buy_at: datetime, last: datetime | None) -> str:
    """Return why a purchase, sold by `last`, does not fit its day any more; empty where it does.

    A day that now ends before the planned sale does not fit either: what is bought could not be sold.
    """
    if isinstance(found, ClosedDay):
        name = f" ({found.name})" if found.name else ""
        return f"the exchange is closed on {found.day}{name}, {_BY[found.source]}"
    if not found.opens_at <= buy_at < found.closes_at:
        return f"{_hours(found, symbol)}: its buy time {_clock(buy_at)} is outside of that"
    if last is not None and last > found.closes_at:
        return f"{_hours(found, symbol)}: it was planned to be sold by {_clock(last)}"
    return ""


def unfit_words(why: str) -> str:
    """Say of a day that waits that it buys nothing, before it comes; `why` as in `why_unfit`."""
    return f"Nothing will be bought: {why}. STOP it, then START it for its next trading day."


def fits_again_words(day: date, buy_at: datetime) -> str:
    """Say of a day that waits that it buys after all."""
    return f"The exchange trades on {day} after all: it is bought at {_clock(buy_at)}, unless you stop it."


def unknown_text(order: EnterOrder, unknown: CalendarUnknown) -> str:
    """Say that nothing is bought on a day that is not known to be a trading day."""
    return (
        f"whether the exchange trades on {order.key.trading_day} is not known ({unknown}), "
        "and nothing is bought on a day that is not known to be a trading day"
    )


def _hours(session: Session, symbol: str) -> str:
    hours = f"from {_clock(session.opens_at)} to {_clock(session.closes_at)}"
    return f"{symbol} trades {hours} on {session.day}, {_BY[session.source]}"


def _clock(instant: datetime) -> str:
    return clock_text(exchange_time(instant).timetz())
