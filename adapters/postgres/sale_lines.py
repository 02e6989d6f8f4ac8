"""Says why shares are sold, in the transaction that writes what came of sending: the cause before the effect.

A sale leaves ahead of its run, by a worker that held it or by the fast path of a stop. Its run says the same
a moment later, under the same key, and finds it said.
"""

from uuid import UUID

from adapters.postgres.tables import OrderRow
from adapters.postgres.terms_json import read_terms
from adapters.postgres.unit_of_work import UnitOfWork
from domain.order import Leg, Reason
from domain.run import SaleLine
from domain.timeline import fixed_level, sale_line


def once_of_sale(start_id: UUID, kind: str, round_: int = 1) -> str:
    """Return the key of the line that says why the shares of a START's round are sold: one of each kind."""
    return f"{start_id}:selling:{kind}" + ("" if round_ == 1 else f":{round_}")


def say_why(unit: UnitOfWork, row: OrderRow, why: SaleLine | None = None, *, filled: bool = False) -> None:
    """Say it for a sale of the newest START, unless its answer was written, and it was said, before.

    `why` is what the sender knows; without it, what the order tells. A stop that rests sells nothing before
    it is `filled`.
    """
    if row.stop is not None:
        if filled and not row.filled_quantity and row.exit_aim is None:
            say_sale(unit, row, _told_by(unit, row))
        return
    strategy = unit.strategy
    newest = (row.trading_day, row.round) == (strategy.trading_day, strategy.round)
    if row.leg != Leg.EXIT or not newest or strategy.start_id is None or row.acknowledged_at is not None:
        return
    say_sale(unit, row, why or _told_by(unit, row))


def say_sale(unit: UnitOfWork, row: OrderRow, line: SaleLine | None) -> None:
    """Say once why the shares of the newest START are sold."""
    start_id = unit.strategy.start_id
    newest = (row.trading_day, row.round) == (unit.strategy.trading_day, unit.strategy.round)
    if line is not None and start_id is not None and newest:
        unit.say(line.kind, line.text, once_of_sale(start_id, line.kind, row.round))


def _told_by(unit: UnitOfWork, row: OrderRow) -> SaleLine | None:
    strategy = unit.strategy
    if row.reason is None or row.due_at is None:
        return None
    held = strategy.bought_quantity - strategy.sold_quantity
    reason = Reason(row.reason)
    level = fixed_level(reason, strategy.stop_loss, read_terms(strategy.terms))
    return sale_line(reason, held, row.symbol, row.due_at, level)
