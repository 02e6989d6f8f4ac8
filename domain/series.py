"""Says how a series of days goes on after one of them, and on which day. No I/O, no clock.

A strategy that repeats is started once, and is a series from then on: a row in the store that is open or has
ended, and at any time exactly one START, of the day that trades or of the next. What follows a day; the first
line that holds counts, and an end is never taken back:

| the series had ended: STOP, the kill switch               | it stays ended        |
| the day was stopped, kept, cancelled, taken over          | it ends with the day  |
| shares are held that were not kept                        | it halts, and says so |
| an order of the day is in doubt: it may still buy or sell | it halts, and says so |
| no trading day of it follows, or none is known            | it ends               |
| anything else: sold, skipped, missed, refused             | the next day waits    |

While a day waits it may be planned anew: its terms are edited, it is left out, or the calendar has changed.
The day that waits then is another one, or the same by other terms; the START of before buys nothing any more.
What a day trades by is fixed when its purchase is due, no earlier.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from domain.errors import InvalidStrategy
from domain.instrument import Segment
from domain.run import FinishRun, RunRef, StartRun
from domain.session import DayPlan, TradingCalendar, at, exchange_time, plan_day, plan_session
from domain.strategy import Outcome, Strategy
from domain.terms_texts import repeat_words

LONGEST_GAP = 366
"""Days that are looked through for the next trading day of a series: one that meets only every few years
(a Sunday) is found by its operator's word first."""


class SeriesEnd(StrEnum):
    """Why a series ended."""

    STOPPED = "stopped"
    KILL_SWITCH = "kill_switch"
    TERMINATED = "terminated"
    LEFT_OVER = "left_over"
    IN_DOUBT = "in_doubt"
    COMPLETED = "completed"
    """Its last day is over."""


@dataclass(frozen=True, slots=True)
class DayEnd:
    """How a day of a series ended. `held`: shares that are left; `asked`: its end was asked for.

    `limited`: it was stopped by a limit of the account and by no person (contract: a breach lasts until the
    next trading day).
    """

    outcome: Outcome
    held: int
    in_doubt: bool
    asked: bool
    limited: bool = False


_ASKED = {
    Outcome.STOPPED: SeriesEnd.STOPPED,
    Outcome.KEPT: SeriesEnd.STOPPED,
    Outcome.CANCELLED: SeriesEnd.TERMINATED,
    Outcome.TERMINATED: SeriesEnd.TERMINATED,
}


def why_it_ends(day: DayEnd) -> SeriesEnd | None:
    """Return why no day follows this one, None where one does as far as the day is concerned."""
    if day.outcome in _ASKED and not (day.limited and day.outcome is Outcome.STOPPED):
        return _ASKED[day.outcome]
    if day.asked:
        return SeriesEnd.STOPPED
    if day.held:
        return SeriesEnd.LEFT_OVER
    return SeriesEnd.IN_DOUBT if day.in_doubt else None


def next_plan(
    strategy: Strategy,
    calendar: TradingCalendar,
    segment: Segment,
    after: date | None,
    left_out: Collection[date],
    now: datetime,
) -> DayPlan | None:
    """Return the plan of the next trading day of a series that comes after a day and is not to be left out.

    None where its last day is over, or no day of it is known to trade within a year. A day on which the
    strategy's times do not fit (a session in the evening) is passed over.
    """
    for day in _days_ahead(strategy, calendar, after, left_out, now):
        plan = _plan_of(strategy, calendar, segment, day)
        if plan is not None and plan.buy_at > now:
            return plan
    return None


def shut_last_day(
    strategy: Strategy,
    calendar: TradingCalendar,
    after: date | None,
    left_out: Collection[date],
    now: datetime,
) -> date | None:
    """Return the last day of a series that `next_plan` finds no day for, where that day is still ahead.

    The exchange is closed on it, or its hours do not hold the strategy's times. None where it is today and
    its buy_time is over, or where none is ahead.
    """
    if strategy.terms.repeat is None or strategy.terms.repeat.until is None:
        return None
    ahead = _days_ahead(strategy, calendar, after, left_out, now)
    return max((day for day in ahead if at(day, strategy.buy_time) > now), default=None)


def _days_ahead(
    strategy: Strategy,
    calendar: TradingCalendar,
    after: date | None,
    left_out: Collection[date],
    now: datetime,
) -> Iterator[date]:
    repeat = strategy.terms.repeat
    if repeat is None:
        return
    first, last = exchange_time(now).date(), calendar.last_day
    if after is not None:
        first = max(first, after + timedelta(days=1))
    for ahead in range(LONGEST_GAP):
        day = first + timedelta(days=ahead)
        if (repeat.until is not None and day > repeat.until) or (last is not None and day > last):
            return
        if repeat.has(day) and day not in left_out:
            yield day


def plan_start(strategy: Strategy, calendar: TradingCalendar, segment: Segment, now: datetime) -> DayPlan:
    """Return the plan of the day that a START trades, the first one where it repeats.

    Raises `CalendarUnknown` past the calendar's data, `InvalidStrategy` where no day fits.
    """
    if strategy.terms.repeat is None:
        return plan_day(strategy, calendar, segment, now)
    plan = next_plan(strategy, calendar, segment, None, (), now)
    if plan is None:
        words = f"no day of {repeat_words(strategy.terms.repeat)} is known to trade within a year"
        raise InvalidStrategy("repeat", "no_trading_day", words)
    return plan


def _plan_of(strategy: Strategy, calendar: TradingCalendar, segment: Segment, day: date) -> DayPlan | None:
    session = calendar.session(day, segment)
    if session is None:
        return None
    try:
        return plan_session(strategy, calendar, segment, session)
    except InvalidStrategy:
        return None


def same_day(plan: DayPlan, other: DayPlan) -> bool:
    """Tell whether two plans are of one day and of the same instants."""
    return (plan.trading_day, plan.buy_at, plan.sell_at, plan.closes_at) == (
        *(other.trading_day, other.buy_at, other.sell_at, other.closes_at),
    )


@dataclass(frozen=True, slots=True)
class EndDay:
    """A day of a series is over. `asked`: its end was asked for, so no day follows.

    `limited`: a limit of the account alone has stopped it. An older build's day says nothing of that.
    """

    finish: FinishRun
    start: StartRun
    asked: bool
    limited: bool = False
    shut: date | None = None
    """The last day of the series, where none follows because the exchange does not trade then."""


@dataclass(frozen=True, slots=True)
class DayEnded:
    """The end of a day is written down. `following` is the START that comes next, None where none does.

    `clean`: no key of it is left in Redis.
    """

    clean: bool
    following: StartRun | None = None


@dataclass(frozen=True, slots=True)
class PlanAnew:
    """A day of a series waits: is it planned by terms and calendar of now? `binding`: it buys next."""

    ref: RunRef
    start: StartRun
    binding: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """The START by which the series goes on in place of the one that waits; None where that stays.

    `over`: the series has ended. `skipped` says why the day that waits buys nothing, empty where it buys.
    """

    start: StartRun | None = None
    over: bool = False
    skipped: str = ""


ENDED_WORDS = {
    SeriesEnd.STOPPED: "No further day follows: it was stopped.",
    SeriesEnd.KILL_SWITCH: "No further day follows: the kill switch ended the series. START begins another.",
    SeriesEnd.TERMINATED: "No further day follows: its run was ended from outside. START begins another.",
    SeriesEnd.LEFT_OVER: (
        "No further day follows: shares of this day are still held. Have them sold or keep them, then START."
    ),
    SeriesEnd.IN_DOUBT: (
        "No further day follows: an order of this day is in doubt and may still turn up. Look at the account "
        "at the broker, then START."
    ),
    SeriesEnd.COMPLETED: "No further day follows: this was the last one.",
}


def completed_words(shut: date | None) -> str:
    """Say that the last day is over, or why it is not traded: then START is free for it if it opens again."""
    if shut is None:
        return ENDED_WORDS[SeriesEnd.COMPLETED]
    return (
        f"No further day follows: the exchange is closed on {shut:%A} {shut.day} {shut:%b}, its last day, or "
        "its hours then do not hold the times of this strategy. If that day opens after all, START again."
    )


def next_day_words(start: StartRun) -> str:
    """Say which day waits: `The next day is Tuesday 1 Dec, bought at 09:30.`"""
    buy_at = exchange_time(start.plan.buy_at)
    return f"The next day is {buy_at:%A} {buy_at.day} {buy_at:%b}, bought at {buy_at:%H:%M}."


def moved_words(before: StartRun, after: StartRun) -> str:
    """Say that the day that waited is planned anew, and why as far as the plan shows it."""
    was, now = before.plan.trading_day, after.plan.trading_day
    if was == now:
        return f"The day is planned anew by the terms and hours of now. {next_day_words(after)}"
    if now < was:
        return f"An earlier day fits by the terms and the calendar of now. {next_day_words(after)}"
    return f"Nothing is bought on {was}: you left it out, or the exchange is closed. {next_day_words(after)}"
