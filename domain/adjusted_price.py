"""Tells when a split, a bonus or a consolidation has changed what the prices of a series mean.

The exchange adjusts the previous close on the first day of such an action. On any other day the previous
close that the broker states is the last price of the trading day before, which was noted after its close.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from domain.instrument import Segment
from domain.money import price_text
from domain.run import Alarm
from domain.session import Session, TradingCalendar, at
from domain.strategy import Strategy

SHARES_OF = ("NSE", "BSE")
"""Exchanges of shares. A contract gets another symbol or lot instead, which START finds."""
TOLERANCE = Decimal("0.05")
"""A difference that is no action yet: the last price of a day and its official close, a mean of the last half
hour outside the closing auction, lie apart by a few percent in an illiquid share. The smallest usual action,
a bonus of one share for ten, changes the price by 9 %."""
STATED_FROM = time(9, 0)
"""From when a broker's previous close is that of the day before, not of the one before that."""
NOTED_FROM = time(16, 0)
"""From when the last price is the close: the closing auction and the session after it are over by then."""
AFTER_CLOSE = timedelta(minutes=30)
LOOK_BACK = 30


@dataclass(frozen=True, slots=True)
class NotedClose:
    """The last price of a trading day, read after its close."""

    day: date
    price: Decimal


@dataclass(frozen=True, slots=True)
class PricedSeries:
    """An open series with absolute prices. `noted` is the close that was noted last, None where none was."""

    series_id: UUID
    strategy: Strategy
    account: str
    noted: NotedClose | None = None


def has_absolute_prices(strategy: Strategy) -> bool:
    """Tell whether a stop, a target or an entry is at one price of a share."""
    terms = strategy.terms
    prices = (
        strategy.stop_loss,
        terms.target.price if terms.target is not None else None,
        terms.entry.price if terms.entry is not None else None,
    )
    return strategy.exchange in SHARES_OF and any(price is not None for price in prices)


def is_adjusted(noted: Decimal, stated: Decimal) -> bool:
    """Tell whether the broker states another previous close than the one that was noted."""
    return abs(stated - noted) > noted * TOLERANCE


def may_note(session: Session, now: datetime) -> bool:
    """Tell whether the last price of a trading day is its close by now, until midnight."""
    return now >= max(at(session.day, NOTED_FROM), session.closes_at + AFTER_CLOSE)


def may_compare(session: Session, now: datetime) -> bool:
    """Tell whether the previous close that the broker states now is that of the trading day before."""
    return at(session.day, STATED_FROM) <= now < session.closes_at


def trading_day_before(calendar: TradingCalendar, day: date) -> date | None:
    """Return the last trading day before `day`; None where there is none in a month.

    Raises `CalendarUnknown` past the calendar's data.
    """
    before = (day - timedelta(days=back) for back in range(1, LOOK_BACK))
    return next((one for one in before if calendar.session(one, Segment.CASH) is not None), None)


def asked_words(symbol: str, asked_on: date) -> str:
    """Say why nothing is bought while the prices of a series are in question."""
    return (
        f"nothing was bought: the price of {symbol} was adjusted on {asked_on} (a split, a bonus or a "
        "consolidation), and the prices of this strategy may be those of before. Edit its prices, or send "
        "the same ones again to confirm them; the next day is then traded"
    )


def adjusted_alarm(series: PricedSeries, noted: NotedClose, stated: Decimal) -> Alarm:
    """Return the alarm by which the user is asked what the prices are to be."""
    strategy = series.strategy
    return Alarm(
        "prices_adjusted",
        f"{strategy.symbol} closed at {price_text(noted.price)} on {noted.day}, and Zerodha states "
        f"{price_text(stated)} as that day's close now: it looks like a split, a bonus or a consolidation. "
        "The strategy's stop, target or entry price may be one of before, so it buys nothing until you "
        "have edited its prices, or sent the same ones again to confirm them.",
        strategy.user_id,
        strategy.strategy_id,
        {"noted": str(noted.price), "stated": str(stated)},
    )
