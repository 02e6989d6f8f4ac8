"""Symbols, and whether the market is open."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.auth.identity import UserId
from api.dependencies import DependenciesDep
from api.http.cursors import Limit
from api.http.day_range import day_of
from api.http.json_answer import json_response
from api.http.ports import LastPrices
from api.market.schemas import (
    CalendarDayOut,
    CalendarOut,
    InstrumentOut,
    InstrumentPage,
    MarketOut,
    SegmentHoursOut,
    SessionOut,
)
from domain.errors import CacheUnavailable, CalendarUnknown
from domain.freeze import freeze_quantity
from domain.instrument import Instrument, Segment
from domain.session import Session, TradingCalendar, exchange_time, next_session
from services.errors import FieldError, Invalid
from services.market.calendar_view import CalendarDay, days
from services.strategies.draft import PRODUCTS

router = APIRouter(tags=["market"])
LONGEST_QUERY = 64
DAYS_SHOWN, MOST_DAYS = 30, 366
PRICED = 20
"""Symbols of a search whose last prices are looked up."""


@router.get("/instruments", responses={200: {"model": InstrumentPage}})
async def search(
    _user_id: UserId, deps: DependenciesDep, limit: Limit, q: Annotated[str, Query()] = ""
) -> Response:
    """Find symbols by symbol or name, best match first."""
    words = q.strip()
    if not 0 < len(words) <= LONGEST_QUERY:
        raise Invalid(
            [FieldError("q", "missing", f"is required: 1 to {LONGEST_QUERY} characters to look for")]
        )
    found = await deps.instruments.search(words, limit)
    today = exchange_time(deps.clock.now()).date()
    prices = await _last_prices(deps.prices, found[:PRICED])
    items = [_instrument(item, today, prices.get(item.key)) for item in found[:limit]]
    return json_response(InstrumentPage(items=items, next=None))


@router.get("/market/status", responses={200: {"model": MarketOut}})
async def market_status(
    _user_id: UserId, deps: DependenciesDep, segment: Literal["cash", "cash_cas", "derivatives"] = "cash"
) -> Response:
    """Whether today trades, whether it is open, and when the next session is."""
    return json_response(market(deps.calendar, Segment(segment), deps.clock.now(), live=deps.egress.live))


@router.get("/market/calendar", responses={200: {"model": CalendarOut}})
async def market_calendar(
    _user_id: UserId,
    deps: DependenciesDep,
    first: Annotated[str | None, Query(alias="from")] = None,
    last: Annotated[str | None, Query(alias="to")] = None,
) -> Response:
    """The trading days from `from` (today) to `to` (30 days on): hours by segment, and how they are known."""
    today = exchange_time(deps.clock.now()).date()
    begins = day_of("from", first) or today
    ends = day_of("to", last) or begins + timedelta(days=DAYS_SHOWN - 1)
    if not begins <= ends < begins + timedelta(days=MOST_DAYS):
        words = f"must be from {begins} to {begins + timedelta(days=MOST_DAYS - 1)}: {MOST_DAYS} days at most"
        raise Invalid([FieldError("to", "bad_range", words)])
    calendar = deps.calendar
    return json_response(
        CalendarOut(
            calendar=calendar.name,
            last_known_day=calendar.known_to,
            last_estimated_day=calendar.last_day,
            items=[_calendar_day(day) for day in days(calendar, begins, ends)],
        )
    )


def _calendar_day(found: CalendarDay) -> CalendarDayOut:
    known = "open" if found.sessions else "closed"
    return CalendarDayOut(
        day=found.day,
        status=known if found.source is not None else "unknown",
        source=found.source.value if found.source is not None else None,
        name=found.name,
        sessions=[
            SegmentHoursOut(
                segment=one.segment.value,
                opens_at=one.opens_at,
                closes_at=one.closes_at,
                mis_cutoff=one.mis_cutoff,
            )
            for one in found.sessions
        ],
    )


def market(calendar: TradingCalendar, segment: Segment, now: datetime, *, live: bool) -> MarketOut:
    """Return where the market of one segment stands; what the calendar does not know is null."""
    today = exchange_time(now).date()
    session = _known(lambda: calendar.session(today, segment))
    is_open = session is not None and session.opens_at <= now < session.closes_at
    if session is not None and now < session.opens_at:
        following: Session | None = session
    else:
        following = _known(lambda: next_session(calendar, segment, today + timedelta(days=1)))
    return MarketOut(
        now=exchange_time(now),
        calendar=calendar.name,
        last_known_day=calendar.known_to,
        last_estimated_day=calendar.last_day,
        segment=segment,
        status="open" if is_open else "closed",
        trading_day=session.day if session else None,
        session=_session(session),
        next_session=_session(following),
        mode="live" if live else "paper",
    )


async def _last_prices(prices: LastPrices, found: Sequence[Instrument]) -> Mapping[str, Decimal]:
    """Return the last prices of those that a running strategy watches, by exchange and symbol."""
    try:
        known = await asyncio.gather(*(prices.of_symbol(one.exchange, one.symbol) for one in found))
    except CacheUnavailable:
        return {}
    return {one.key: price for one, price in zip(found, known, strict=True) if price is not None}


def _known(look: Callable[[], Session | None]) -> Session | None:
    try:
        return look()
    except CalendarUnknown:
        return None


def _session(session: Session | None) -> SessionOut | None:
    if session is None:
        return None
    return SessionOut(
        trading_day=session.day,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
        source=session.source.value,
    )


def _instrument(instrument: Instrument, today: date, last_price: Decimal | None) -> InstrumentOut:
    return InstrumentOut(
        exchange=instrument.exchange,
        symbol=instrument.symbol,
        name=instrument.name,
        tick_size=instrument.tick_size,
        lot_size=instrument.lot_size,
        freeze_quantity=freeze_quantity(instrument.exchange, instrument.symbol, today),
        last_price=last_price,
        segment=instrument.segment,
        products=list(PRODUCTS[instrument.segment]),
    )
