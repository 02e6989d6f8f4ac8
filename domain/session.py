"""The trading day: converts times of day to instants, in exchange time, whatever the host's zone."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from math import ceil
from typing import Protocol
from zoneinfo import ZoneInfo

from domain.errors import CalendarUnknown, InvalidStrategy
from domain.instrument import Segment
from domain.strategy import Product, Strategy

EXCHANGE_ZONE = ZoneInfo("Asia/Kolkata")
EXIT_MARGIN = timedelta(seconds=60)
"""A sell_time past the last moment is carried out this long before it: room for attempts and look-ups."""
LOOK_AHEAD = 30
"""Days searched for the next trading day; the longest closure of the exchange was far shorter."""
ASSUMED_HOURS = (time(9, 15), time(15, 30))
"""For a sale that must not wait for a calendar; where they are wrong the broker refuses, and it goes on."""
SATURDAY = 5


class DaySource(StrEnum):
    """The source of a day's trading status; the first that covers a day decides."""

    OPERATOR = "operator"
    EXCHANGE = "exchange"
    PROVISIONAL = "provisional"
    """Computed: the exchange has not published the holidays of that year yet."""


@dataclass(frozen=True, slots=True)
class Session:
    """Continuous trading of one segment on one day; aware instants, `closes_at` excluded."""

    day: date
    opens_at: datetime
    closes_at: datetime
    source: DaySource = DaySource.EXCHANGE


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A day without a session. `name` is the holiday's, where it is known."""

    day: date
    source: DaySource
    name: str = ""


class TradingCalendar(Protocol):
    """Which days trade, and when. `name` is the setting's."""

    @property
    def name(self) -> str: ...

    @property
    def known_to(self) -> date | None:
        """The last day that is no estimate; None where every day is known."""
        ...

    @property
    def last_day(self) -> date | None:
        """The last day it covers, estimates included; None where there is no last one."""
        ...

    def look_up(self, day: date, segment: Segment) -> Session | ClosedDay:
        """Return what is known of `day` now. Raises `CalendarUnknown` past the data."""
        ...

    def session(self, day: date, segment: Segment) -> Session | None:
        """Return the session of `day`, None on a holiday. Raises `CalendarUnknown` past the data."""
        ...

    def mis_cutoff(self, day: date, segment: Segment) -> datetime | None:
        """Return when the broker squares MIS positions off, None where it never does."""
        ...


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A strategy's absolute instants for one trading day. `segment` is None in plans of an older build."""

    trading_day: date
    buy_at: datetime
    sell_at: datetime
    opens_at: datetime
    closes_at: datetime
    warnings: tuple[str, ...] = ()
    segment: Segment | None = None
    tick: Decimal | None = None
    """The symbol's price step on that day; None in plans of an older build."""
    lot: int = 1
    """How many of it are traded at once, or a multiple of them."""
    most: int | None = None
    """The most of it in one order, whole lots (`domain.freeze`); None where no bound is known."""
    listed: bool = False
    """Tick, lot and most are those of the broker's list of that very day: it is not asked again."""

    def __post_init__(self) -> None:
        """Raise `ValueError` for instants of no zone, or of no year that is computed with.

        A plan comes in messages too: compared with the time, a naive one would break its run in each step.
        """
        for instant in (self.buy_at, self.sell_at, self.opens_at, self.closes_at):
            if instant.tzinfo is None or not 1 < instant.year < 9999:
                raise ValueError(f"a plan has no such instant: {instant.isoformat()}")


def exchange_time(instant: datetime) -> datetime:
    """Return an aware instant on the exchange's clock."""
    return instant.astimezone(EXCHANGE_ZONE)


def at(day: date, moment: time) -> datetime:
    """Return the instant of a time of day on `day`, exchange time."""
    return datetime.combine(day, moment, tzinfo=EXCHANGE_ZONE)


def check_times(strategy: Strategy, calendar: TradingCalendar, segment: Segment, now: datetime) -> None:
    """Raise `InvalidStrategy` where the times fit neither the next trading day nor one of the next 30 days.

    A special session that is known ahead (an evening, a Saturday) takes times that no other day takes, and
    ordinary times are taken though a special session is the next. What START says of the next day is its own.
    """
    if strategy.buy_time >= strategy.sell_time:
        raise InvalidStrategy(
            "sell_time", "sell_before_buy", f"must be after buy_time ({clock_text(strategy.buy_time)})"
        )
    session = next_session(calendar, segment, exchange_time(now).date())
    opens, last = session.opens_at, _last_moment(strategy, calendar, segment, session)
    if opens <= at(session.day, strategy.buy_time) < last:
        return
    if _day_that_takes(strategy, calendar, segment, session.day + timedelta(days=1)) is None:
        raise InvalidStrategy(
            "buy_time",
            "outside_session",
            f"{strategy.symbol} can be bought from {clock_text(opens.timetz())} and before "
            f"{clock_text(last.timetz())}, exchange time",
        )


def plan_day(strategy: Strategy, calendar: TradingCalendar, segment: Segment, now: datetime) -> DayPlan:
    """Return the plan for the next trading day on which buy_time is still ahead.

    Raises `CalendarUnknown` past the calendar's data, `InvalidStrategy` where the times do not fit that day.
    """
    day = exchange_time(now).date()
    session = next_session(calendar, segment, day)
    if at(session.day, strategy.buy_time) <= now:
        session = next_session(calendar, segment, session.day + timedelta(days=1))
    try:
        return plan_session(strategy, calendar, segment, session)
    except InvalidStrategy as refused:
        later = _day_that_takes(strategy, calendar, segment, session.day + timedelta(days=1))
        if later is None:
            raise
        words = f"{refused}; {later} takes these times: START on that day"
        raise InvalidStrategy(refused.field, refused.code, words) from None


def _day_that_takes(
    strategy: Strategy, calendar: TradingCalendar, segment: Segment, first: date
) -> date | None:
    """Return the first of the next days that takes the strategy's times, None where none is known to."""
    for ahead in range(LOOK_AHEAD):
        day = first + timedelta(days=ahead)
        if calendar.last_day is not None and day > calendar.last_day:
            return None
        session = calendar.session(day, segment)
        if session is not None and _takes(strategy, calendar, segment, session):
            return day
    return None


def _takes(strategy: Strategy, calendar: TradingCalendar, segment: Segment, session: Session) -> bool:
    try:
        plan_session(strategy, calendar, segment, session)
    except InvalidStrategy:
        return False
    return True


def plan_sale(strategy: Strategy, calendar: TradingCalendar, segment: Segment, now: datetime) -> DayPlan:
    """Return a plan that only sells: now while the market is open, else at the next opening.

    The calendar never delays a sale: where it has no data, a weekday's hours are assumed.
    """
    try:
        session = _session_to_sell_in(calendar, segment, now)
    except CalendarUnknown:
        session = assumed_session(now)
    sell_at = max(now, session.opens_at)
    return DayPlan(session.day, sell_at, sell_at, session.opens_at, session.closes_at, segment=segment)


def _session_to_sell_in(calendar: TradingCalendar, segment: Segment, now: datetime) -> Session:
    session = next_session(calendar, segment, exchange_time(now).date())
    if now >= session.closes_at:
        session = next_session(calendar, segment, session.day + timedelta(days=1))
    return session


def assumed_session(now: datetime) -> Session:
    """Return a weekday's session that is on at `now`, or the next one: a sale waits for no calendar."""
    opens, closes = ASSUMED_HOURS
    day = exchange_time(now).date()
    while day.weekday() >= SATURDAY or at(day, closes) <= now:
        day += timedelta(days=1)
    return Session(day, at(day, opens), at(day, closes), DaySource.PROVISIONAL)


def next_session(calendar: TradingCalendar, segment: Segment, day: date) -> Session:
    """Return the first session on or after `day`. Raises `CalendarUnknown` past the calendar's data."""
    for ahead in range(LOOK_AHEAD):
        session = calendar.session(day + timedelta(days=ahead), segment)
        if session is not None:
            return session
    raise CalendarUnknown(f"no trading day within {LOOK_AHEAD} days of {day}")


def provisional_text(day: date) -> str:
    """Say that a trading day is an estimate."""
    return (
        f"The exchange has not published its holidays for {day.year} yet: that it trades on {day} is an "
        "estimate. It is asked again on that morning, and nothing is bought if the exchange is closed."
    )


def clock_text(moment: time) -> str:
    """Return `09:30` or `09:30:05`: seconds only where there are any."""
    return moment.strftime("%H:%M:%S" if moment.second else "%H:%M")


def span_text(span: timedelta) -> str:
    """Return `5 s` or `20 min`, as people say a span: rounded up, and never nothing."""
    seconds = max(1, ceil(span.total_seconds()))
    return f"{seconds} s" if seconds < 120 else f"{ceil(seconds / 60)} min"


def _last_moment(
    strategy: Strategy, calendar: TradingCalendar, segment: Segment, session: Session
) -> datetime:
    cutoff = calendar.mis_cutoff(session.day, segment) if strategy.product is Product.MIS else None
    return min(session.closes_at, cutoff) if cutoff else session.closes_at


def plan_session(
    strategy: Strategy, calendar: TradingCalendar, segment: Segment, session: Session
) -> DayPlan:
    """Return the plan of a strategy for one session. Raises `InvalidStrategy` where its times do not fit."""
    buy_at, sell_at = at(session.day, strategy.buy_time), at(session.day, strategy.sell_time)
    last = _last_moment(strategy, calendar, segment, session)
    latest = last - EXIT_MARGIN if calendar.name != "always-open" else last
    warnings: tuple[str, ...] = ()
    if session.source is DaySource.PROVISIONAL:
        warnings = (provisional_text(session.day),)
    if sell_at > latest:
        warnings = (
            f"{strategy.symbol} trades continuously until {clock_text(last.timetz())} on {session.day}; "
            f"it will be sold at {clock_text(latest.timetz())} instead of {clock_text(strategy.sell_time)}.",
            *warnings,
        )
        sell_at = latest
    if not session.opens_at <= buy_at < sell_at:
        raise InvalidStrategy(
            "buy_time",
            "outside_session",
            f"on {session.day} {strategy.symbol} can be bought from "
            f"{clock_text(session.opens_at.timetz())} and before {clock_text(latest.timetz())}",
        )
    return DayPlan(session.day, buy_at, sell_at, session.opens_at, session.closes_at, warnings, segment)
