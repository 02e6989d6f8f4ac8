"""Tells users whose day waits to buy that a word on the calendar closes it, or opens it again."""

from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.waiting_days import hold_waiting, say_of_days
from domain.errors import CalendarUnknown
from domain.run import StartRun
from domain.session import TradingCalendar
from domain.trading_day import fits_again_words, unfit_words, why_unfit, widest_segment


async def tell_waiting(
    session: AsyncSession, before: TradingCalendar, after: TradingCalendar, day: date
) -> None:
    """Say it in the timelines of those for whom something changes, in the transaction that changes it."""
    words: dict[UUID, tuple[UUID, str]] = {}
    for start in await hold_waiting(session, day):
        text = changed_words(start, before, after)
        if text:
            words[start.strategy.strategy_id] = start.strategy.user_id, text
    await say_of_days(session, words)


def changed_words(start: StartRun, before: TradingCalendar, after: TradingCalendar) -> str:
    """Say what a change means for a day that waits; empty where it buys as it would have."""
    was, now = _why_unfit(start, before), _why_unfit(start, after)
    if now == was:
        return ""
    return unfit_words(now) if now else fits_again_words(start.plan.trading_day, start.plan.buy_at)


def _why_unfit(start: StartRun, calendar: TradingCalendar) -> str:
    strategy, plan = start.strategy, start.plan
    segment = plan.segment or widest_segment(strategy.exchange)
    try:
        found = calendar.look_up(plan.trading_day, segment)
    except CalendarUnknown:
        return ""
    return why_unfit(found, strategy.symbol, plan.buy_at, plan.sell_at)
