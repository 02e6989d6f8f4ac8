"""Converts between rows of `orders` and the domain's attempts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from adapters.postgres.stop_json import resting_facts
from adapters.postgres.tables import OrderRow
from domain.order import Attempt, Leg, LegKey, Limit, Move, OrderStatus, OrderTerms, Reason
from domain.refusal import Refusal
from domain.strategy import Outcome, Product

_ORDER_IDS = UUID("5e0cf2b0-6c5d-4a3e-9a51-31c1bd0e4c11")


def order_id_of(tag: str) -> UUID:
    """Return the id of the intent with this tag: the same in every attempt to write it."""
    return uuid5(_ORDER_IDS, tag)


def attempt_of(row: OrderRow) -> Attempt:
    """Return a row as the domain's attempt."""
    return Attempt(
        order_id=row.order_id,
        key=LegKey(row.strategy_id, row.user_id, row.trading_day, row.round, Leg(row.leg)),
        attempt=row.attempt,
        tag=row.tag,
        status=OrderStatus(row.status),
        reason=Reason(row.reason) if row.reason else None,
        quantity=row.quantity,
        filled_quantity=row.filled_quantity,
        average_price=row.average_price,
        broker_order_id=row.broker_order_id,
        due_at=row.due_at,
        sent_at=row.sent_at,
        send_before=row.send_before,
        acknowledged_at=row.acknowledged_at,
        message=row.message,
        armed=row.held_by is not None,
        verdict=Outcome(row.verdict) if row.verdict else None,
        refusal=Refusal(row.refusal) if row.refusal else None,
        limit=_limit(row),
        move=last_move(row.modifications or ()) if row.stop is None else None,
        slice=row.slice,
        resting=resting_facts(row.stop, row.modifications or ()),
        protected=bool(row.protected),
    )


def _limit(row: OrderRow) -> Limit | None:
    return None if row.price is None or row.ceiling is None else Limit(row.price, row.ceiling)


def last_move(modifications: Sequence[Mapping[str, Any]]) -> Move | None:
    """Return the last change of an order's price, as it is written in its row; None before the first."""
    if not modifications:
        return None
    last = modifications[-1]
    made = sum(change["confirmed_at"] is not None for change in modifications)
    return Move(len(modifications), Decimal(last["price"]), datetime.fromisoformat(last["sent_at"]), made)


def terms_of(row: OrderRow) -> OrderTerms:
    """Return the terms of a row's order."""
    return OrderTerms(
        row.exchange, row.symbol, Product(row.product), row.account, row.most, bool(row.protected)
    )


def planned(
    key: LegKey, terms: OrderTerms, attempt: int, due_at: datetime | None, now: datetime, slice_: int = 0
) -> OrderRow:
    """Return a new intent's row."""
    tag = key.tag(attempt)
    return OrderRow(
        order_id=order_id_of(tag),
        user_id=key.user_id,
        strategy_id=key.strategy_id,
        trading_day=key.trading_day,
        round=key.round,
        leg=key.leg.value,
        attempt=attempt,
        tag=tag,
        exchange=terms.exchange,
        symbol=terms.symbol,
        product=terms.product.value,
        account=terms.account,
        most=terms.most,
        protected=terms.protected,
        slice=slice_,
        side=key.leg.side.value,
        status=OrderStatus.PLANNED.value,
        filled_quantity=0,
        message="",
        due_at=due_at,
        created_at=now,
        look_ups=0,
        modifications=[],
    )
