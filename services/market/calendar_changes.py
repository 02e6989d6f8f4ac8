"""Changes the operator's word on a trading day: writes it down with its source, in the audit log too."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.calendar.exchange import ExchangeCalendar
from adapters.postgres.audit import audit
from adapters.postgres.calendar_days import remove_entries, word_from, write_entries, write_rule
from adapters.postgres.tables import StrategyRow
from domain.audit import Action, AuditLine, Role
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.operator_days import OperatorDay
from domain.segment_hours import Hours, HoursRule
from domain.session import ClosedDay, Session
from domain.strategy import Position, Status
from services.market.calendar_view import SEGMENTS
from services.market.told_days import tell_waiting

REACHES = "Every process knows it within a minute."
NO_EFFECT = "It changes nothing here: by STOPWATCH_CALENDAR always-open every second of every day trades."


class NotChanged(Exception):
    """The calendar stays as it is. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Touched:
    """How many strategies run on a day: those that hold shares, and those that wait to buy."""

    holding: int
    waiting: int


async def add(
    session: AsyncSession, entry: OperatorDay, operator: str, *, force: bool, counts: bool = True
) -> str:
    """Write an entry; return what it means, in words. Raises `NotChanged`.

    `counts`: the product trades by this word; by the calendar that is always open it does not.
    """
    before = await _calendar(session)
    await write_entries(session, [entry], operator)
    words = await _meaning(session, before, [entry.day], force=force, counts=counts)
    what = f"{entry.day} {entry.word}{_hours(entry)}"
    await _note(session, operator, what, entry.source)
    return f"{what}, by {entry.source}. {words}"


async def add_all(
    session: AsyncSession,
    entries: Sequence[OperatorDay],
    operator: str,
    source: str,
    *,
    force: bool,
    counts: bool = True,
) -> str:
    """Write the entries of a file; return what they mean, in words. Raises `NotChanged`."""
    before = await _calendar(session)
    await write_entries(session, entries, operator)
    days = sorted({entry.day for entry in entries})
    words = await _meaning(session, before, days, force=force, counts=counts)
    await _note(session, operator, f"{len(entries)} entries", source)
    return f"{len(entries)} entries, by {source}. {words}"


async def add_hours(
    session: AsyncSession, rule: HoursRule, operator: str, *, force: bool, counts: bool = True
) -> str:
    """Write the hours of a segment's ordinary days from a day on. Raises `NotChanged`."""
    before = await _calendar(session)
    await write_rule(session, rule, operator)
    days = await _days_that_run(session, rule.since)
    words = await _meaning(session, before, days, force=force, counts=counts)
    what = f"from {rule.since} on{_span(rule.hours)} of {rule.segment}, MIS to {rule.mis_cutoff:%H:%M}"
    await _note(session, operator, what, rule.source)
    return f"{what[0].upper()}{what[1:]}, by {rule.source}. {words}"


async def remove(session: AsyncSession, day: date, operator: str, *, force: bool, counts: bool = True) -> str:
    """Remove all that is said of a day; return what it means, in words. Raises `NotChanged`."""
    before = await _calendar(session)
    if not await remove_entries(session, day):
        raise NotChanged(f"Nothing is said of {day}: `stopwatch calendar show` lists what is.")
    words = await _meaning(session, before, [day], force=force, counts=counts)
    await _note(session, operator, f"{day} as published", "removed")
    return f"{day} is again as the exchange has published it, or as it is estimated. {words}"


async def _calendar(session: AsyncSession) -> ExchangeCalendar:
    said = await word_from(session)
    return ExchangeCalendar(lambda: said)


async def _meaning(
    session: AsyncSession, before: ExchangeCalendar, days: Sequence[date], *, force: bool, counts: bool
) -> str:
    """Return what a change of these days does, and from when on. Raises `NotChanged` as `_judged`."""
    if not counts:
        return NO_EFFECT
    words = [await _judged(session, before, day, force=force) for day in days]
    return f"{''.join(words)}{REACHES}"


async def _judged(session: AsyncSession, before: ExchangeCalendar, day: date, *, force: bool) -> str:
    """Return what it does to the strategies of that day. Raises `NotChanged` where it needs `force`."""
    after = await _calendar(session)
    await tell_waiting(session, before, after, day)
    if not any(_closes(before, after, day, segment) for segment in SEGMENTS):
        return ""
    touched = await _touched(session, day)
    if touched.holding and not force:
        raise NotChanged(
            f"{_strategies(touched.holding)} shares that are to be sold on {day}. While the exchange is "
            "closed no order of theirs is taken: they are watched on, their sales are tried and refused, and "
            "they are still held when it opens again. If the exchange is really closed then, say it again "
            "with --force."
        )
    words = ""
    if touched.holding:
        held = _strategies(touched.holding)
        words += f"{held} shares on that day, and cannot sell them while it is closed. "
    if touched.waiting:
        words += f"{touched.waiting} that wait to buy on that day buy nothing; their users are told. "
    return words


def _closes(before: ExchangeCalendar, after: ExchangeCalendar, day: date, segment: Segment) -> bool:
    """Tell whether a segment traded on that day before the change, and now does not, or for less long."""
    was, now = _found(before, day, segment), _found(after, day, segment)
    if not isinstance(was, Session):
        return False
    return not isinstance(now, Session) or now.opens_at > was.opens_at or now.closes_at < was.closes_at


def _found(calendar: ExchangeCalendar, day: date, segment: Segment) -> Session | ClosedDay | None:
    try:
        return calendar.look_up(day, segment)
    except CalendarUnknown:
        return None


async def _days_that_run(session: AsyncSession, since: date) -> Sequence[date]:
    """Return the days, from one on, on which strategies run."""
    row = StrategyRow
    days = select(row.trading_day).where(row.status == Status.RUNNING, row.trading_day >= since)
    return sorted(day for day in await session.scalars(days.distinct()) if day is not None)


async def _touched(session: AsyncSession, day: date) -> Touched:
    holds = StrategyRow.position == Position.BOUGHT
    counts = select(func.count().filter(holds), func.count().filter(StrategyRow.position == Position.NONE))
    running = (StrategyRow.status == Status.RUNNING, StrategyRow.trading_day == day)
    holding, waiting = (await session.execute(counts.where(*running))).one()
    return Touched(holding, waiting)


async def _note(session: AsyncSession, operator: str, what: str, source: str) -> None:
    await audit(session, AuditLine(None, Action.CALENDAR_CHANGED, Role.OPERATOR, operator, what, source))


def _strategies(count: int) -> str:
    return "1 strategy holds" if count == 1 else f"{count} strategies hold"


def _hours(entry: OperatorDay) -> str:
    if entry.hours is None:
        return ""
    segment = f" of {entry.segment}" if entry.segment is not None else ""
    return f"{_span(entry.hours)}{segment}"


def _span(hours: Hours) -> str:
    return f" {hours.opens:%H:%M:%S} to {hours.closes:%H:%M:%S}"


def says(entries: Sequence[OperatorDay], rules: Sequence[HoursRule]) -> dict[date, str]:
    """Return the sources of what is said of each day, in words; of hours on the day they begin."""
    found: defaultdict[date, list[str]] = defaultdict(list)
    for entry in entries:
        found[entry.day].append(f"{entry.word}{_hours(entry)}: {entry.source}")
    for rule in rules:
        found[rule.since].append(f"from here on{_span(rule.hours)} of {rule.segment}: {rule.source}")
    return {day: "; ".join(words) for day, words in found.items()}
