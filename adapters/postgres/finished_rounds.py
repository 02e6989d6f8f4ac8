"""Writes a round down when it ends, from the orders of its own, in the transaction that ends it.

A round that ends twice (an entry that turned up late was taken over) is the same row, written again; a fill
or a price that comes after the end is added to it.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, bindparam, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.book_tables import FinishedRoundRow
from adapters.postgres.tables import OrderRow, StrategyRow
from domain.order import Leg
from domain.session import exchange_time
from domain.strategy import Outcome

_KEY = ("strategy_id", "trading_day", "round")
_FIXED = (*_KEY, "user_id")


def finished_round(
    strategy: StrategyRow, orders: Sequence[OrderRow], outcome: Outcome, detail: str, outside: int
) -> dict[str, Any]:
    """Return the row of the strategy's newest round, which ends now. `orders` are those of that round."""
    account = next((order.account for order in orders), "")
    what = {name: getattr(strategy, name) for name in (*_KEY, "user_id", "exchange", "symbol", "product")}
    traded = what_was_traded(orders)
    if not traded["quantity"] and (traded["sold"] or outside):
        # It only sold, or lost, what an earlier round had bought.
        traded |= {"quantity": traded["sold"] + outside, "entry_price": strategy.entry_price}
    return (
        what
        | traded
        | {
            "account": account,
            "outcome": outcome.value,
            "outcome_detail": detail,
            "outside": outside,
        }
    )


def what_was_traded(orders: Sequence[OrderRow]) -> dict[str, Any]:
    """Return what the orders of a round say of it: quantities, averages, trades and days, how late it was."""
    bought, sold = _of_leg(orders, Leg.ENTRY), _of_leg(orders, Leg.EXIT)
    trades = [_trade(order) for order in (*bought, *sold) if order.filled_quantity]
    days = [trade["day"] for trade in trades]
    return {
        "quantity": sum(order.filled_quantity for order in bought),
        "sold": sum(order.filled_quantity for order in sold),
        "entry_price": _average(bought),
        "exit_price": _average(sold),
        "entry_lateness_ms": _lateness(bought),
        "exit_lateness_ms": _lateness(sold),
        "trades": trades,
        "first_day": date.fromisoformat(min(days)) if days else None,
        "last_day": date.fromisoformat(max(days)) if days else None,
    }


async def write_finished(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Write rounds that end; one that ended before is written again, and keeps its place in the list."""
    statement = insert(FinishedRoundRow)
    again = {name: statement.excluded[name] for name in rows[0] if name not in _FIXED}
    await session.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=again), list(rows))


async def write_late_fills(session: AsyncSession, rounds: Iterable[Sequence[OrderRow]]) -> None:
    """Write what the orders of ended rounds say now; a round that has not ended has no row, and gets none."""
    for orders in rounds:
        first, traded = orders[0], what_was_traded(orders)
        if not traded["quantity"]:
            del traded["quantity"], traded["entry_price"]  # it only sold: they are of an earlier round
        row = FinishedRoundRow
        of_round = and_(*(getattr(row, name) == bindparam(f"its_{name}") for name in _KEY))
        key = {f"its_{name}": getattr(first, name) for name in _KEY}
        await session.execute(update(row).where(of_round).values(traded), key)


def _of_leg(orders: Iterable[OrderRow], leg: Leg) -> list[OrderRow]:
    return sorted((order for order in orders if order.leg == leg), key=lambda order: order.attempt)


def _trade(order: OrderRow) -> dict[str, Any]:
    sent_at = order.sent_at or order.filled_at
    price = None if order.average_price is None else str(order.average_price)
    day = order.trading_day if sent_at is None else exchange_time(sent_at).date()
    return {"side": order.side, "quantity": order.filled_quantity, "price": price, "day": day.isoformat()}


def _average(orders: Sequence[OrderRow]) -> Decimal | None:
    filled = [order for order in orders if order.filled_quantity]
    shares = sum(order.filled_quantity for order in filled)
    value = Decimal(0)
    for order in filled:
        if order.average_price is None:
            return None
        value += order.average_price * order.filled_quantity
    return value / shares if shares else None


def _lateness(orders: Sequence[OrderRow]) -> int | None:
    """Return by how much the first order that was sent was late, of slices the latest; in milliseconds."""
    slices = [order for order in orders if order.filled_quantity]
    late = [
        round((order.sent_at - order.due_at).total_seconds() * 1000)
        for order in (slices if len(slices) > 1 else orders)
        if order.sent_at is not None and order.due_at is not None
    ]
    if not late:
        return None
    return max(late) if len(slices) > 1 else late[0]
