"""Settles an order in doubt by an operator's verdict: checks that the move is legal and records it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select

from adapters.postgres.engine import Store
from adapters.postgres.order_rows import attempt_of, terms_of
from adapters.postgres.tables import OrderRow
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from domain.audit import Action, AuditLine, Role
from domain.order import FINAL, Leg, OrderEvent, OrderStatus, next_status
from domain.strategy import Status
from domain.timeline import EventKind, resolved_text

ON_ITS_WAY = timedelta(seconds=30)
"""A claim may be sent for two seconds, and its call takes a few more: before this it cannot be known."""


class Verdict(StrEnum):
    """What an operator found at the broker."""

    PLACED = "placed"
    NOT_PLACED = "not-placed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A verdict on one order, with the operator's name and reason.

    `broker_order_id` goes with `PLACED` alone.
    """

    order_id: UUID
    verdict: Verdict
    broker_order_id: str | None
    operator: str
    reason: str


class NotResolved(Exception):
    """The order was left unchanged; the message says why, in one sentence."""


_EVENTS = {
    Verdict.PLACED: OrderEvent.SEE_OPEN,
    Verdict.NOT_PLACED: OrderEvent.PROVE_NOT_PLACED,
    Verdict.ABSENT: OrderEvent.GIVE_UP_LOOKING,
}


class Resolving:
    """Settles orders under the lock of their strategy's row, as every writer does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = StrategyWriter(store)

    async def resolve(self, resolution: Resolution) -> str:
        """Settle an order; return what happens next, in words. Raises `NotResolved`, `StoreUnavailable`."""
        found = await self._find(resolution.order_id)
        if resolution.broker_order_id is not None:
            await self._refuse_a_number_of_another(found, resolution.broker_order_id)
        write = Write(
            found.strategy_id, found.user_id, lambda unit: _apply(unit, resolution), day=found.trading_day
        )
        refusal, told = await self._writer.write(write)
        if refusal:
            raise NotResolved(f"Order {resolution.order_id} {refusal}")
        return told

    async def _find(self, order_id: UUID) -> OrderRow:
        async with self._store.read() as session:
            row = await session.get(OrderRow, order_id)
        if row is None:
            raise NotResolved(f"There is no order {order_id}: `stopwatch positions` lists those in doubt.")
        return row

    async def _refuse_a_number_of_another(self, order: OrderRow, broker_order_id: str) -> None:
        query = select(OrderRow.order_id).where(
            OrderRow.broker_order_id == broker_order_id,
            OrderRow.user_id == order.user_id,
            OrderRow.order_id != order.order_id,
        )
        async with self._store.read() as session:
            other = (await session.scalars(query)).first()
        if other is not None:
            raise NotResolved(f"The broker's order {broker_order_id} is our order {other} already.")


def _apply(unit: UnitOfWork, resolution: Resolution) -> tuple[str, str]:
    """Return why it is refused, or what happens next."""
    row = unit.order(resolution.order_id)
    refusal = _refusal(row, resolution, unit.now)
    if refusal:
        return refusal, ""
    before = row.status
    if before != OrderStatus.ABSENT or resolution.verdict is not Verdict.ABSENT:
        row.status = next_status(OrderStatus(before), _EVENTS[resolution.verdict]).value
    if resolution.broker_order_id is not None:
        row.broker_order_id = resolution.broker_order_id
        row.acknowledged_at = unit.now
    row.message = f"settled by hand: {resolution.reason}"
    _say(unit, row, before, resolution)
    unit.audits.append(_line(row, before, resolution))
    return "", _what_next(Leg(row.leg), Status(unit.strategy.status), resolution.verdict)


def _refusal(row: OrderRow, resolution: Resolution, now: datetime) -> str:
    status, placed = OrderStatus(row.status), resolution.verdict is Verdict.PLACED
    if status is OrderStatus.PLANNED:
        return "was never sent: there is nothing to settle."
    if status in FINAL or status is OrderStatus.OPEN:
        return f"is not in doubt: the broker has it as {row.broker_order_id}, and it is {status.value}."
    if status is OrderStatus.NOT_PLACED and not placed:
        return "is known not to be placed already; only --as placed:ORDER_NUMBER says more, if it turned up."
    if resolution.verdict is Verdict.ABSENT and row.leg == Leg.EXIT:
        # An exit given up as absent is followed by the next attempt: that would be a guess that sells twice.
        return "is an exit, and one given up as absent is sent again: say not-placed once you are sure of it."
    if not placed and row.sent_at is not None and now - row.sent_at < ON_ITS_WAY:
        left = (ON_ITS_WAY - (now - row.sent_at)).total_seconds()
        return f"was sent a moment ago and may still be on its way: try again in {left:.0f} s."
    return ""


def _say(unit: UnitOfWork, row: OrderRow, before: str, resolution: Resolution) -> None:
    number = resolution.broker_order_id
    verdict = {
        Verdict.PLACED: f"the broker has it as {number}",
        Verdict.NOT_PLACED: "the broker does not have it",
        Verdict.ABSENT: "it was not found, and is not looked for any more",
    }[resolution.verdict]
    text = resolved_text(attempt_of(row), terms_of(row), verdict, resolution.operator, resolution.reason)
    data = {
        "order_id": str(row.order_id),
        "tag": row.tag,
        "as": resolution.verdict.value,
        "before": before,
        "operator": resolution.operator,
        "reason": resolution.reason,
        **({"broker_order_id": number} if number else {}),
    }
    unit.say(
        EventKind.RESOLVED, text, f"resolved:{row.order_id}:{before}:{resolution.verdict}:{number}", data
    )


def _line(row: OrderRow, before: str, resolution: Resolution) -> AuditLine:
    what = f"{row.order_id} {before} as {resolution.verdict} {resolution.broker_order_id or ''}".strip()
    operator, reason = resolution.operator, resolution.reason
    return AuditLine(row.user_id, Action.ORDER_RESOLVE, Role.OPERATOR, operator, what, reason)


def _what_next(leg: Leg, status: Status, verdict: Verdict) -> str:
    if status is not Status.RUNNING:
        if verdict is Verdict.PLACED:
            return "Its strategy has stopped: see `stopwatch positions` until the order is gone from there."
        return "Its strategy has stopped: nothing more is sent."
    if verdict is Verdict.PLACED:
        return "Its run follows the order from here."
    if leg is Leg.EXIT:
        return "Its run sells what is held, with the next attempt."
    return "Its run goes on; a buy is only tried again within the seconds of the missed rule."
