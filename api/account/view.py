"""A user's limits and switches, as they see them."""

from datetime import date, timedelta
from uuid import UUID

from adapters.postgres.limits import UserLimits
from api.account.schemas import AccountOut, BreachOut, LimitsOut, SwitchOut
from api.dependencies import Dependencies
from domain.account_day import WrittenBreach
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.limits import Limits
from domain.money import PAISA
from domain.session import TradingCalendar, exchange_time, next_session
from services.account.kill_switch import SaleCounts

_NONE = SaleCounts()


async def shown(deps: Dependencies, user_id: UUID, sales: SaleCounts = _NONE) -> AccountOut:
    """Return the limits and switches in force, and what a kill switch has just told to sell."""
    today = exchange_time(deps.clock.now()).date()
    async with deps.store.read(user_id) as session:
        mine = UserLimits(session, user_id)
        switches, limits, breach = await mine.switches(), await mine.limits(), await mine.last_breach()
    return AccountOut(
        kill_switch=SwitchOut.model_validate(switches.own, from_attributes=True),
        operator=SwitchOut.model_validate(switches.operators, from_attributes=True),
        system=SwitchOut.model_validate(switches.everybody, from_attributes=True),
        limits=_limits(limits),
        breach=_breach(breach, today, deps.calendar) if breach is not None else None,
        selling=sales.selling,
        untold=sales.untold,
        sold=sales.sold,
    )


def _limits(limits: Limits) -> LimitsOut:
    return LimitsOut(
        order_quantity=limits.order_quantity,
        order_value=limits.order_value,
        daily_loss=limits.daily_loss,
        symbols=list(limits.symbols) if limits.symbols is not None else None,
        daily_profit=limits.daily_profit,
        trades_a_day=limits.trades_a_day,
        on_breach=limits.on_breach.value,
    )


def _breach(written: WrittenBreach, today: date, calendar: TradingCalendar) -> BreachOut | None:
    """Return a breach until its next trading day, weekends and holidays included."""
    until = _next_day(written.day, calendar)
    over = today > written.day if until is None else today >= until
    breach = written.breach
    if over or breach.at is None:
        return None
    return BreachOut(
        limit=breach.limit.value,
        value=breach.value,
        net=None if breach.net is None else breach.net.quantize(PAISA),
        on_breach=breach.on_breach.value,
        since=breach.at,
        until=until,
    )


def _next_day(day: date, calendar: TradingCalendar) -> date | None:
    try:
        return next_session(calendar, Segment.CASH, day + timedelta(days=1)).day
    except CalendarUnknown:
        return None
