"""A strategy as its user sees it: with profit, last price, and what to look out for."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from adapters.postgres.accounts import BrokerAccount
from adapters.postgres.strategies import StrategyRecord
from api.books.view import day_out
from api.strategies.charges_schema import charges_out
from api.strategies.schemas import ProtectionOut, StrategyOut
from api.strategies.terms_answer import (
    repeat_out,
    terms_out,
)
from domain.books import Booked
from domain.broker_login import NO_QUOTES
from domain.charge_schedule import schedule_on
from domain.charges import Charges, ExecutedOrder, trade_kind
from domain.day_charges import charges_of_round
from domain.entry_price import rests_until
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.kept_stop import SELLING, why_alone
from domain.money import PAISA
from domain.order import Side
from domain.overdue import STANDS_AFTER, Step, next_step, still_due_words
from domain.protected_exit import Bar
from domain.series import next_plan
from domain.session import TradingCalendar, clock_text
from domain.standing import Fills, standing
from domain.start_warnings import login_warnings, moment, price_warnings
from domain.strategy import Phase, Position, Status
from domain.terms import Protect
from domain.trading_day import unfit_words, why_unfit, widest_segment
from services.strategies.check import login_of


def shown(
    record: StrategyRecord,
    account: BrokerAccount | None,
    now: datetime,
    last_price: Decimal | None = None,
    market_price: Decimal | None = None,
    told: Sequence[str] = (),
    *,
    last_day: Booked | None = None,
    calendar: TradingCalendar | None = None,
    live: bool = False,
) -> StrategyOut:
    """Return the answer. `last_price` is the run's own; `market_price` what else is known of the symbol.

    `last_day` is the last round that is over; `told` are warnings of this answer alone; `live`: orders are
    real.
    """
    strategy = record.strategy
    price = last_price if last_price is not None else market_price
    fills = Fills(record.entry_price, record.peak, record.tick_size)
    stands = standing(strategy.stop_loss, strategy.terms, fills)
    won, cost = profit(record, last_price), charges(record)
    return StrategyOut(
        strategy_id=strategy.strategy_id,
        symbol=strategy.symbol,
        exchange=strategy.exchange,
        product=strategy.product,
        buy_time=clock_text(strategy.buy_time),
        sell_time=clock_text(strategy.sell_time),
        stop_loss=strategy.stop_loss,
        terms=terms_out(strategy.terms),
        stop_price=stands.stop,
        target_price=stands.target,
        peak_price=record.peak,
        protection=protection(record),
        quantity=strategy.quantity,
        on_stop=strategy.on_stop,
        status=record.status,
        phase=record.phase,
        position=record.position,
        outcome=record.outcome,
        outcome_detail=record.outcome_detail,
        trading_day=record.trading_day,
        buy_at=record.buy_at,
        sell_at=record.sell_at,
        workflow_id=record.workflow_id,
        run_id=record.run_id,
        last_price=last_price,
        entry_price=record.entry_price,
        exit_price=record.exit_price,
        filled_quantity=record.bought_quantity,
        pnl=won,
        charges=cost and charges_out(cost),
        net_pnl=None if won is None or cost is None else won - cost.in_paise().total,
        repeat=strategy.terms.repeat and repeat_out(strategy.terms.repeat),
        next_trading_day=next_trading_day(record, calendar, now),
        last_day=last_day and day_out(last_day),
        mode="live" if live else "paper",
        warnings=[
            *record.warnings,
            *_day_warnings(record, calendar),
            *_account_warnings(record),
            *_overdue_warnings(record, now),
            *_login_warnings(record, account, now),
            *_quote_warnings(record, account),
            *_price_warnings(record, price),
            *_obstacles(record),
            *told,
        ],
        created_at=record.created_at,
        started_at=record.started_at,
        stopped_at=record.stopped_at,
    )


def protection(record: StrategyRecord) -> ProtectionOut | None:
    """Return where the stop lies, from the first filled share to the last one sold."""
    held = record.status is Status.RUNNING and record.position is Position.BOUGHT
    if not held or record.bought_at is None:
        return None
    shown, wanted = record.protection, record.strategy.terms.protect
    if wanted is Protect.SERVER:
        return ProtectionOut(where=Protect.SERVER.value, since=record.bought_at)
    if shown is None or shown.since < record.bought_at:
        why = SELLING if record.phase is Phase.EXITING else why_alone(Bar.PLACING)
        return ProtectionOut(where=Protect.SERVER.value, since=record.bought_at, why=why)
    return ProtectionOut(
        where=shown.where.value,
        order_id=shown.order_id,
        trigger_price=shown.trigger,
        since=shown.since,
        why=shown.why,
    )


def next_trading_day(record: StrategyRecord, calendar: TradingCalendar | None, now: datetime) -> date | None:
    """Return the next day that a strategy trades, as the calendar is known now; None where none follows."""
    if record.status is not Status.RUNNING:
        return None
    if record.phase is Phase.WAITING and record.position is not Position.BOUGHT:
        return record.trading_day
    if record.left_out is None or calendar is None:
        return None
    strategy, today = record.strategy, record.trading_day
    plan = next_plan(strategy, calendar, Segment.CASH, today, record.left_out, now)
    return None if plan is None else plan.trading_day


def profit(record: StrategyRecord, last_price: Decimal | None) -> Decimal | None:
    """Return rupees won or lost, before charges; None when it is not known.

    What is still held counts at the last price. Shares that were sold outside have a price that is not known.
    """
    held = record.bought_quantity - record.sold_quantity
    if record.entry_price is None or record.bought_quantity == 0 or record.outside_quantity:
        return None
    value = Decimal(0)
    if record.sold_quantity:
        if record.exit_price is None:
            return None
        value += (record.exit_price - record.entry_price) * record.sold_quantity
    if held > 0:
        if last_price is None:
            return None
        value += (last_price - record.entry_price) * held
    return value.quantize(PAISA)


def charges(record: StrategyRecord) -> Charges | None:
    """Return what the round's orders cost so far, as if the account's day had no others.

    None before the first fill, and while a price, the day's rates or the kind of the trade is not known.
    """
    strategy, day = record.strategy, record.trading_day
    kind = trade_kind(strategy.exchange, strategy.symbol, strategy.product)
    schedule = None if day is None else schedule_on(day)
    trades = [(Side.BUY, record.bought_quantity, record.entry_price)]
    if record.sold_quantity:
        trades.append((Side.SELL, record.sold_quantity, record.exit_price))
    if kind is None or schedule is None or not record.bought_quantity:
        return None
    orders = [
        ExecutedOrder(kind, strategy.exchange, side, quantity, price)
        for side, quantity, price in trades
        if price is not None
    ]
    return charges_of_round(orders, schedule) if len(orders) == len(trades) else None


def _obstacles(record: StrategyRecord) -> list[str]:
    """Return what keeps the sale of a running strategy from being sent."""
    return [record.obstacle] if record.obstacle and record.status is Status.RUNNING else []


def _day_warnings(record: StrategyRecord, calendar: TradingCalendar | None) -> list[str]:
    """Return that the day that waits turns out closed, or cut short. A series goes over to another day."""
    strategy, waits = record.strategy, record.phase is Phase.WAITING and record.position is Position.NONE
    if record.status is not Status.RUNNING or not waits or strategy.terms.repeat is not None:
        return []
    if calendar is None or record.trading_day is None or record.buy_at is None:
        return []
    try:
        found = calendar.look_up(record.trading_day, widest_segment(strategy.exchange))
    except CalendarUnknown:
        return []
    why = why_unfit(found, strategy.symbol, record.buy_at, record.sell_at)
    return [unfit_words(why)] if why else []


def _account_warnings(record: StrategyRecord) -> list[str]:
    """Return what the account shows else than the strategy holds, and that it could not be read."""
    warnings = [record.missing_note] if record.missing_note is not None else []
    if record.unread_since is not None:
        warnings.append(
            f"The account at Zerodha could not be read since {moment(record.unread_since)}: shares that are "
            "sold by hand are not noticed, and a stop sells without a look at the account."
        )
    return warnings


def _price_warnings(record: StrategyRecord, price: Decimal | None) -> list[str]:
    undecided = record.status is Status.CREATED or record.phase is Phase.WAITING
    return price_warnings(record.strategy, price) if undecided and record.position is Position.NONE else []


def _overdue_warnings(record: StrategyRecord, now: datetime) -> list[str]:
    if record.status is not Status.RUNNING:
        return []
    due = next_step(record.position, record.buy_at, record.sell_at, _rests_until(record))
    if due is None or due.due_at + STANDS_AFTER > now:
        return []
    held = record.bought_quantity - record.sold_quantity
    words = still_due_words(due, record.strategy.symbol, held)
    return [words] if due.step is Step.SALE or record.phase in (Phase.WAITING, Phase.ENTERING) else []


def _rests_until(record: StrategyRecord) -> datetime | None:
    entry = record.strategy.terms.entry
    if entry is None or record.entry_rests_since is None:
        return None
    return rests_until(entry, record.entry_rests_since, record.sell_at)


def _login_warnings(record: StrategyRecord, account: BrokerAccount | None, now: datetime) -> list[str]:
    if record.status is not Status.RUNNING or account is None:
        return []
    buying = record.phase is Phase.WAITING and record.position is Position.NONE
    due = record.buy_at if buying else record.sell_at
    return login_warnings(login_of(account), now, max(due or now, now), buying=buying)


def _quote_warnings(record: StrategyRecord, account: BrokerAccount | None) -> list[str]:
    buying = record.phase is Phase.WAITING and record.position is Position.NONE
    no_quotes = account is not None and account.has_quotes is False
    return [NO_QUOTES] if no_quotes and record.status is Status.RUNNING and buying else []
