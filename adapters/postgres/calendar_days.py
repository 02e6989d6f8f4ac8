"""The operator's word on trading days: rows that each process reads anew, and that a command writes."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.calendar_tables import CalendarDayRow, CalendarHoursRow, CalendarImportRow
from adapters.postgres.engine import Store
from domain.errors import CalendarUnknown, StoreUnavailable
from domain.instrument import Segment
from domain.operator_days import DayWord, OperatorDay, OperatorDays
from domain.ports import Clock
from domain.segment_hours import Hours, HoursRule

READ_EVERY = 20.0
"""Seconds between two readings of a process that does not ask by itself: a new word is known in a minute."""
UNREAD_AGAIN = 1.0
log = logging.getLogger("calendar")


class PostgresOperatorDays:
    """The operator's word as this process last read it. One per process."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._said: OperatorDays | None = None
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    def said(self) -> OperatorDays:
        """Return it. Raises `CalendarUnknown` before the first reading: a day may be closed by it."""
        if self._said is None:
            raise CalendarUnknown("the operator's trading days cannot be read: Postgres has not answered yet")
        return self._said

    async def fresh(self, seconds: float) -> None:
        """Have it read within so many seconds. Raises `StoreUnavailable`; callers share one reading."""
        if self._clock.monotonic() - self._read_at <= seconds:
            return
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read())
        await asyncio.shield(self._reading)

    async def keep_reading(self) -> None:
        """Read it now and again, until cancelled."""
        while True:
            try:
                await self.fresh(0)
            except StoreUnavailable as away:
                log.warning("the trading days could not be read: %s", away)
            await self._clock.sleep(READ_EVERY if self._said is not None else UNREAD_AGAIN)

    async def _read(self) -> None:
        begun = self._clock.monotonic()
        async with self._store.read() as session:
            said = await word_from(session)
        self._said, self._read_at = said, begun


async def word_from(session: AsyncSession) -> OperatorDays:
    """Return all that the operator says."""
    return OperatorDays.of(await entries_from(session), await rules_from(session))


async def rules_from(session: AsyncSession) -> Sequence[HoursRule]:
    """Return the hours of ordinary days, by the day from which they are in force."""
    rows = select(CalendarHoursRow).order_by(CalendarHoursRow.since, CalendarHoursRow.segment)
    return [_rule(row) for row in await session.scalars(rows)]


async def write_rule(session: AsyncSession, rule: HoursRule, operator: str) -> None:
    """Write the hours of a segment from a day on, in the place of those that were said of that day."""
    row = CalendarHoursRow(
        since=rule.since,
        segment=rule.segment.value,
        opens=rule.hours.opens,
        closes=rule.hours.closes,
        mis_cutoff=rule.mis_cutoff,
        source=rule.source,
        operator=operator,
    )
    await session.merge(row)
    await session.flush()


async def entries_from(session: AsyncSession, since: date | None = None) -> Sequence[OperatorDay]:
    """Return all entries, or those from a day on, by day."""
    rows = select(CalendarDayRow).order_by(CalendarDayRow.day, CalendarDayRow.word, CalendarDayRow.segment)
    if since is not None:
        rows = rows.where(CalendarDayRow.day >= since)
    return [_entry(row) for row in await session.scalars(rows)]


async def write_entries(session: AsyncSession, entries: Iterable[OperatorDay], operator: str) -> None:
    """Write entries in the place of those that they replace."""
    for entry in entries:
        there = await session.scalars(select(CalendarDayRow).where(CalendarDayRow.day == entry.day))
        for row in there:
            if entry.replaces(_entry(row)):
                await session.delete(row)
        await session.flush()
        session.add(_row(entry, operator))


async def remove_entries(session: AsyncSession, day: date) -> int:
    """Remove all that is said of a day, and of hours from it on; return how many entries that were."""
    days, hours = CalendarDayRow, CalendarHoursRow
    removed = await session.execute(delete(days).where(days.day == day).returning(days.word))
    rules = await session.execute(delete(hours).where(hours.since == day).returning(hours.segment))
    return len(removed.all()) + len(rules.all())


async def is_first_import(session: AsyncSession, digest: str) -> bool:
    """Note that a file is moved into the table; tell whether it was not before."""
    noted = insert(CalendarImportRow).values(digest=digest).on_conflict_do_nothing()
    return bool((await session.execute(noted.returning(CalendarImportRow.digest))).all())


def _entry(row: CalendarDayRow) -> OperatorDay:
    hours = Hours(row.opens, row.closes) if row.opens is not None and row.closes is not None else None
    segment = Segment(row.segment) if row.segment else None
    return OperatorDay(row.day, DayWord(row.word), row.source, hours, segment)


def _rule(row: CalendarHoursRow) -> HoursRule:
    hours = Hours(row.opens, row.closes)
    return HoursRule(row.since, Segment(row.segment), hours, row.mis_cutoff, row.source)


def _row(entry: OperatorDay, operator: str) -> CalendarDayRow:
    hours = entry.hours
    return CalendarDayRow(
        day=entry.day,
        word=entry.word.value,
        segment=entry.segment.value if entry.segment is not None else "",
        opens=hours.opens if hours is not None else None,
        closes=hours.closes if hours is not None else None,
        source=entry.source,
        operator=operator,
    )
