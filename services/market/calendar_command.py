"""`stopwatch calendar show | add | hours | import | remove`: trading days, and the word on them."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.calendar.exchange import ExchangeCalendar
from adapters.calendar.overrides import OverrideFile, OverridesUnreadable, entries_of
from adapters.calendar.published_days import PUBLISHED_TO
from adapters.postgres.calendar_days import entries_from, rules_from
from adapters.postgres.engine import Store
from adapters.postgres.named_database import ADDRESS, named_database
from adapters.postgres.operator import operator_name, reason_words
from adapters.process.leaving import leave
from domain.errors import StoreUnavailable
from domain.instrument import Segment
from domain.operator_days import DayWord, OperatorDay, OperatorDays
from domain.segment_hours import Hours, HoursRule
from domain.session import EXCHANGE_ZONE
from services.market.calendar_changes import NotChanged, add, add_all, add_hours, remove, says
from services.market.calendar_view import CalendarDay, SegmentHours, days

CALENDAR, ALWAYS_OPEN = "STOPWATCH_CALENDAR", "always-open"
SHOWN = 30
"""Days that are shown where no last one is named."""


async def _carry_out(asked: argparse.Namespace, address: str) -> int:
    store = Store.open(address, pool_size=1, application="stopwatch operator")
    try:
        if asked.what == "show":
            sys.stdout.write(await _shown(store, asked))
            return 0
        async with store.work() as session:
            words = await _changed(session, asked)
        sys.stdout.write(f"{words}\n")
        return 0
    finally:
        await store.close()


async def _changed(session: AsyncSession, asked: argparse.Namespace) -> str:
    name, force, counts = operator_name(), asked.force, os.environ.get(CALENDAR) != ALWAYS_OPEN
    if asked.what == "add":
        return await add(session, _entry(asked), name, force=force, counts=counts)
    if asked.what == "hours":
        return await add_hours(session, _rule(asked), name, force=force, counts=counts)
    if asked.what == "import":
        entries = entries_of(OverrideFile(asked.file).read(), PUBLISHED_TO, asked.source)
        return await add_all(session, entries, name, asked.source, force=force, counts=counts)
    return await remove(session, asked.day, name, force=force, counts=counts)


async def _shown(store: Store, asked: argparse.Namespace) -> str:
    first = asked.first or datetime.now(EXCHANGE_ZONE).date()
    last = asked.last or first + timedelta(days=SHOWN - 1)
    async with store.read() as session:
        entries, rules = await entries_from(session), await rules_from(session)
    said = OperatorDays.of(entries, rules)
    found = list(days(ExchangeCalendar(lambda: said), first, last))
    why = says(entries, rules)
    if asked.json:
        return json.dumps([_row(day, why.get(day.day, "")) for day in found], default=str) + "\n"
    return "".join(f"{_line(day, why.get(day.day, ''))}\n" for day in found)


def _line(day: CalendarDay, why: str) -> str:
    if day.source is None:
        return f"{day.day:%a %Y-%m-%d}  unknown"
    segments: dict[str, list[str]] = {}
    for one in day.sessions:
        segments.setdefault(f"{one.opens_at:%H:%M}-{one.closes_at:%H:%M}", []).append(one.segment.value)
    hours = ", ".join(f"{text} {'/'.join(names)}" for text, names in segments.items())
    about = f"  ({why or day.name})" if why or day.name else ""
    return f"{day.day:%a %Y-%m-%d}  {day.source.value:<11}  {hours or 'closed'}{about}"


def _row(day: CalendarDay, why: str) -> dict[str, object]:
    return {
        "day": day.day,
        "source": day.source,
        "name": day.name,
        "said": why,
        "sessions": [_session(one) for one in day.sessions],
    }


def _session(one: SegmentHours) -> dict[str, object]:
    cutoff = None if one.mis_cutoff is None else one.mis_cutoff.isoformat()
    at = {"opens_at": one.opens_at.isoformat(), "closes_at": one.closes_at.isoformat()}
    return {"segment": one.segment, **at, "mis_cutoff": cutoff}


def _entry(asked: argparse.Namespace) -> OperatorDay:
    word = DayWord.CLOSED if asked.closed else DayWord.OPEN if asked.open else DayWord.HOURS
    segment = None if asked.segment is None else Segment(asked.segment)
    return OperatorDay(asked.day, word, asked.source, asked.hours, segment)


def _rule(asked: argparse.Namespace) -> HoursRule:
    segment, hours, cutoff = Segment(asked.segment), asked.hours, asked.mis_cutoff
    if not hours.opens < cutoff <= hours.closes:
        raise NotChanged(f"--mis-cutoff {cutoff:%H:%M} does not lie within the hours.")
    return HoursRule(asked.day, segment, hours, cutoff, asked.source)


def main(words: Sequence[str]) -> int:
    """Carry out; return the exit status: 1 where nothing was changed, 2 for one that says too little."""
    parser = _parser()
    asked = parser.parse_args(words)
    if asked.what == "add" and asked.segment is not None and asked.hours is None:
        parser.error("--segment goes with --hours: a closed or an ordinary day is one for all segments")
    address = named_database()
    if address is None:
        return 2
    try:
        return asyncio.run(_carry_out(asked, address))
    except (NotChanged, OverridesUnreadable) as refused:
        sys.stderr.write(f"Nothing was changed. {refused}\n")
    except StoreUnavailable as away:
        sys.stderr.write(f"Nothing was changed. {away}: check that it runs, and {ADDRESS}.\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    calendar = argparse.ArgumentParser(prog="stopwatch calendar", description="The trading days.")
    kinds = calendar.add_subparsers(dest="what", required=True)
    show = kinds.add_parser("show")
    show.add_argument("--from", dest="first", type=_day)
    show.add_argument("--to", dest="last", type=_day)
    show.add_argument("--json", action="store_true")
    added = kinds.add_parser("add")
    word = added.add_mutually_exclusive_group(required=True)
    word.add_argument("--closed", action="store_true")
    word.add_argument("--open", action="store_true")
    word.add_argument("--hours", type=_hours)
    added.add_argument("--segment", choices=[segment.value for segment in Segment])
    added.add_argument("--source", type=reason_words, required=True)
    ordinary = kinds.add_parser("hours")
    ordinary.add_argument("--hours", type=_hours, required=True)
    ordinary.add_argument("--segment", choices=[segment.value for segment in Segment], required=True)
    ordinary.add_argument("--mis-cutoff", type=_moment, required=True)
    ordinary.add_argument("--source", type=reason_words, required=True)
    imported = kinds.add_parser("import")
    imported.add_argument("file", type=Path)
    imported.add_argument("--source", type=reason_words, required=True)
    removed = kinds.add_parser("remove")
    for one in (added, ordinary, removed):
        one.add_argument("day", type=_day)
    for one in (added, ordinary, removed, imported):
        one.add_argument("--force", action="store_true")
    return calendar


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no day: write 2027-01-26") from None


def _moment(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no time of day: write 15:10") from None


def _hours(text: str) -> Hours:
    opens, dash, closes = text.partition("-")
    try:
        hours = Hours(time.fromisoformat(opens), time.fromisoformat(closes))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} are no hours: write 18:15-19:15") from None
    if not dash or hours.opens >= hours.closes or hours.opens.tzinfo or hours.closes.tzinfo:
        raise argparse.ArgumentTypeError(f"{text} are no hours of a day: write 18:15-19:15, exchange time")
    return hours


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
