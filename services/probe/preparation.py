"""Finds out whether a probe may begin, and what it costs at most."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.limits import user_named
from adapters.postgres.probes import may_write
from adapters.postgres.tables import StrategyRow
from domain.charge_schedule import TradeKind, schedule_on
from domain.charges import ExecutedOrder, charges_of
from domain.errors import CalendarUnknown
from domain.instrument import Instrument, Segment
from domain.order import Side
from domain.quote import Quote
from domain.session import TradingCalendar, exchange_time
from domain.strategy import Status
from services.account.start_refusal import refuse_start
from services.errors import Conflict
from services.probe.account import ONE, ProbeAccount

BEFORE_CLOSE, AFTER_OPEN = timedelta(minutes=15), timedelta(minutes=1)
"""How far from the ends of the day's trading a probe may begin."""
LOWEST, HIGHEST = Decimal("0.91"), Decimal("1.03")
"""How much room the limits of the day must leave around the last price, for what is tried."""


class NotBegun(Exception):
    """The probe does not begin; nothing was sent. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one round costs: rupees. `paid`: for the share. `worst`: the most that is lost, with charges."""

    paid: Decimal
    worst: Decimal
    charges: Decimal | None


async def found_user(session: AsyncSession, name: str) -> UUID:
    """Return the user with that e-mail or id. Raises `NotBegun`."""
    user_id = await user_named(session, name)
    if user_id is None:
        raise NotBegun(f"No user has the e-mail or id {name}.")
    return user_id


async def refuse_unready(session: AsyncSession, user_id: UUID, exchange: str, symbol: str) -> None:
    """Raise `NotBegun` where the product's own state speaks against it."""
    if not await may_write(session):
        raise NotBegun(
            "The verdict could not be kept: name the database as the schema's owner, STOPWATCH_DATABASE_URL."
        )
    try:
        await refuse_start(session, user_id)
    except Conflict as barred:
        raise NotBegun(f"Buying is stopped for this user: {barred.detail}") from None
    running = select(StrategyRow.strategy_id).where(
        StrategyRow.user_id == user_id,
        StrategyRow.status == Status.RUNNING,
        StrategyRow.exchange == exchange,
        StrategyRow.symbol == symbol,
    )
    if (await session.scalars(running.limit(1))).first() is not None:
        raise NotBegun(
            f"A strategy of this user runs in {exchange}:{symbol}, and would take the probe's trades for the "
            "user's own: name another share with --symbol."
        )


def refuse_share(share: Instrument | None, symbol: str) -> Instrument:
    """Return a share that a probe can trade. Raises `NotBegun`."""
    if share is None:
        raise NotBegun(f"NSE does not list {symbol}: name a liquid share with --symbol.")
    if share.segment not in (Segment.CASH, Segment.CASH_CAS) or share.lot_size != ONE:
        raise NotBegun(f"{symbol} is no share that can be bought one by one: name another with --symbol.")
    if share.series is not None:
        raise NotBegun(
            f"{symbol} is traded trade to trade, so it cannot be sold today: name another with --symbol."
        )
    return share


async def refuse_hours(calendar: TradingCalendar, account: ProbeAccount) -> None:
    """Raise `NotBegun` outside of continuous trading, or shortly before its end."""
    now = account.clock.now()
    try:
        session = calendar.session(exchange_time(now).date(), account.share.segment)
    except CalendarUnknown as unknown:
        raise NotBegun(f"{unknown}.") from None
    if session is None:
        raise NotBegun("The exchange is closed today.")
    first, last = session.opens_at + AFTER_OPEN, session.closes_at - BEFORE_CLOSE
    if not first <= now <= last:
        begin, end = (f"{exchange_time(at):%H:%M}" for at in (first, last))
        raise NotBegun(f"A probe begins between {begin} and {end} (exchange time).")


async def refuse_holdings(account: ProbeAccount) -> None:
    """Raise `NotBegun` where the account has shares or open orders of the symbol: they would be mixed up."""
    share, other = account.share.key, "name another share with --symbol"
    held = await account.holding()
    if held.today or held.before:
        raise NotBegun(f"The account holds {share} already ({held.today + held.before}): {other}.")
    if any(not row.is_over for row in await account.all_rows()):
        raise NotBegun(f"The account has an open order in {share}: {other}.")


def cost_of(quote: Quote, account: ProbeAccount) -> Cost:
    """Return what one round costs at most, by the limits of the day. Raises `NotBegun`."""
    last, lower, upper = quote.last_price, quote.lower_circuit, quote.upper_circuit
    share = account.share.key
    if lower is None or upper is None:
        raise NotBegun(f"The broker states no limits of the day for {share}: name another with --symbol.")
    if lower > last * LOWEST or upper < last * HIGHEST:
        raise NotBegun(f"{share} is too near to a limit of the day today: name another with --symbol.")
    schedule = schedule_on(exchange_time(account.clock.now()).date())
    if schedule is None:
        return Cost(upper, upper - lower, None)
    orders = [ExecutedOrder(TradeKind.INTRADAY, account.share.exchange, side, ONE, upper) for side in Side]
    charges = charges_of(orders, schedule).in_paise().total
    return Cost(upper, upper - lower + charges, charges)
