"""A strategy as its user sees it: with profit, last price, and what to look out for."""

from datetime import datetime
from decimal import Decimal

from adapters.postgres.accounts import BrokerAccount
from adapters.postgres.strategies import StrategyRecord
from api.strategies.schemas import StrategyOut
from api.strategies.terms_schema import terms_out
from domain.broker_login import NO_QUOTES
from domain.money import PAISA, decimal_text
from domain.overdue import STANDS_AFTER, Step, next_step, still_due_words
from domain.session import clock_text, exchange_time
from domain.standing import Fills, standing
from domain.strategy import Phase, Position, Status
from domain.trigger import stop_at


def shown(
    record: StrategyRecord,
    account: BrokerAccount | None,
    now: datetime,
    last_price: Decimal | None = None,
    market_price: Decimal | None = None,
) -> StrategyOut:
    """Return the answer. `last_price` is the run's own; `market_price` what else is known of the symbol."""
    strategy = record.strategy
    price = last_price if last_price is not None else market_price
    fills = Fills(record.entry_price, record.peak, record.tick_size)
    stands = standing(strategy.stop_loss, strategy.terms, fills)
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
        pnl=profit(record, last_price),
        warnings=[
            *record.warnings,
            *_account_warnings(record),
            *_overdue_warnings(record, now),
            *_login_warnings(record, account, now),
            *_quote_warnings(record, account),
            *_stop_warnings(record, price),
            *_obstacles(record),
        ],
        created_at=record.created_at,
        started_at=record.started_at,
        stopped_at=record.stopped_at,
    )


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


def _obstacles(record: StrategyRecord) -> list[str]:
    """Return what keeps the sale of a running strategy from being sent."""
    return [record.obstacle] if record.obstacle and record.status is Status.RUNNING else []


def _account_warnings(record: StrategyRecord) -> list[str]:
    """Return what the account shows else than the strategy holds, and that it could not be read."""
    warnings = [record.missing_note] if record.missing_note is not None else []
    if record.unread_since is not None:
        warnings.append(
            f"The account at Zerodha could not be read since {_moment(record.unread_since)}: shares that are "
            "sold by hand are not noticed, and a stop sells without a look at the account."
        )
    return warnings


def _stop_warnings(record: StrategyRecord, price: Decimal | None) -> list[str]:
    stop_loss = record.strategy.stop_loss
    undecided = record.status is Status.CREATED or record.phase is Phase.WAITING
    if not undecided or record.position is not Position.NONE or price is None or stop_loss is None:
        return []
    if not stop_at(stop_loss).is_hit(price):
        return []
    return [
        f"The stop_loss {decimal_text(stop_loss)} is not below the last price {decimal_text(price)}: unless "
        "the price is above it at buy_time, nothing will be bought."
    ]


def _overdue_warnings(record: StrategyRecord, now: datetime) -> list[str]:
    if record.status is not Status.RUNNING:
        return []
    step = next_step(record.position, record.buy_at, record.sell_at)
    if step is None or step.due_at + STANDS_AFTER > now:
        return []
    held = record.bought_quantity - record.sold_quantity
    words = still_due_words(step.step, record.strategy.symbol, held, step.due_at)
    return [words] if step.step is Step.SALE or record.phase in (Phase.WAITING, Phase.ENTERING) else []


def _login_warnings(record: StrategyRecord, account: BrokerAccount | None, now: datetime) -> list[str]:
    if record.status is not Status.RUNNING or account is None:
        return []
    buying = record.phase is Phase.WAITING and record.position is Position.NONE
    what, due = ("buy", record.buy_at) if buying else ("sale", record.sell_at)
    due = max(due or now, now)
    if account.alive_at(due):
        return []
    if account.alive_at(now) and account.token_expires_at is not None:
        ends = account.token_expires_at
        return [
            f"The login at Zerodha ends at {_moment(ends)}, before the {what}: log in again after that and "
            f"before {_moment(due)}."
        ]
    if buying:
        return [
            f"The login at Zerodha has ended: log in again before {_moment(due)}, or nothing will be bought."
        ]
    return ["The login at Zerodha has ended: log in again now, the sale waits for it."]


def _quote_warnings(record: StrategyRecord, account: BrokerAccount | None) -> list[str]:
    buying = record.phase is Phase.WAITING and record.position is Position.NONE
    no_quotes = account is not None and account.has_quotes is False
    return [NO_QUOTES] if no_quotes and record.status is Status.RUNNING and buying else []


def _moment(instant: datetime) -> str:
    here = exchange_time(instant)
    return f"{clock_text(here.timetz())} on {here.date()} (exchange time)"
