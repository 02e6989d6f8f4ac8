"""Reads the order log and the timeline for their user."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, cast, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.strategies import Spot
from adapters.postgres.tables import EventRow, OrderRow
from domain.order import OrderStatus


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order that was sent, or was about to be and proven not to be."""

    order_id: UUID
    strategy_id: UUID
    leg: str
    reason: str | None
    attempt: int
    side: str
    quantity: int | None
    filled_quantity: int
    average_price: Decimal | None
    status: str
    tag: str
    broker_order_id: str | None
    due_at: datetime | None
    sent_at: datetime | None
    acknowledged_at: datetime | None
    filled_at: datetime | None
    message: str
    created_at: datetime
    price: Decimal | None
    modifications: list[dict[str, Any]]
    stop: dict[str, Any] | None

    @property
    def order_type(self) -> str:
        """Return LIMIT for an order with a price of its own, SL or SL-M for a stop that rests.

        Else it is at the market, with protection: as a stop is once it was changed.
        """
        if self.stop is not None and self.trigger_price is not None:
            return str(self.stop["kind"])
        return "MARKET" if self.price is None else "LIMIT"

    @property
    def trigger_price(self) -> Decimal | None:
        """Return at what price a stop is triggered, as last asked for; None at the market.

        A change that the broker has refused was none.
        """
        if self.stop is None:
            return None
        asked = [change["price"] for change in self.modifications if not change.get("refused")]
        newest = asked[-1] if asked else self.stop["trigger"]
        return None if newest is None else Decimal(newest)

    @property
    def spot(self) -> Spot:
        return Spot(self.created_at, self.order_id)

    @property
    def lateness_ms(self) -> int | None:
        """Return how long after its due time it was sent; None while either is unknown."""
        if self.due_at is None or self.sent_at is None:
            return None
        return round((self.sent_at - self.due_at).total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One line of the timeline."""

    event_id: int
    at: datetime
    strategy_id: UUID
    kind: str
    phase: str | None
    text: str
    data: dict[str, Any]


class OrderLogReader:
    """One user's orders, newest first.

    An unclaimed intent is not an order, nor is an exit's first intent that never came due.
    """

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def page(
        self, limit: int, after: Spot | None, strategy_id: UUID | None = None
    ) -> Sequence[OrderRecord]:
        statement = select(*_ORDER_COLUMNS).where(
            OrderRow.user_id == self._user_id,
            OrderRow.status != OrderStatus.PLANNED,
            or_(OrderRow.sent_at.is_not(None), OrderRow.due_at.is_not(None)),
        )
        if strategy_id is not None:
            statement = statement.where(OrderRow.strategy_id == strategy_id)
        if after is not None:
            place = tuple_(OrderRow.created_at, OrderRow.order_id)
            statement = statement.where(place < (after.created_at, after.row_id))
        statement = statement.order_by(OrderRow.created_at.desc(), OrderRow.order_id.desc()).limit(limit)
        return [OrderRecord(*row) for row in await self._session.execute(statement)]


class TimelineReader:
    """One user's timelines, oldest first. Ids of one strategy grow in commit order, so none is skipped."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def after(self, strategy_id: UUID, event_id: int, limit: int) -> Sequence[EventRecord]:
        """Return at most `limit` lines that come after `event_id` (0: from the beginning)."""
        statement = self._of(select(*_EVENT_COLUMNS), strategy_id).where(EventRow.event_id > event_id)
        rows = await self._session.execute(statement.order_by(EventRow.event_id).limit(limit))
        return [EventRecord(*row) for row in rows]

    async def last_id(self, strategy_id: UUID) -> int:
        """Return the newest line's id, 0 without one."""
        statement = self._of(select(func.coalesce(func.max(EventRow.event_id), 0)), strategy_id)
        return int((await self._session.execute(statement)).scalar_one())

    async def last_ids(self, strategy_ids: Collection[UUID]) -> dict[UUID, int]:
        """Return the newest line's id of each strategy that has one."""
        asked = func.unnest(cast(list(strategy_ids), ARRAY(Uuid())))
        ids = asked.table_valued("strategy_id", name="asked").render_derived()
        newest = (
            select(func.max(EventRow.event_id).label("event_id"))
            .where(EventRow.user_id == self._user_id, EventRow.strategy_id == ids.c.strategy_id)
            .lateral()
        )
        query = select(ids.c.strategy_id, newest.c.event_id).where(newest.c.event_id.is_not(None))
        rows = await self._session.execute(query)
        return {row.strategy_id: row.event_id for row in rows}

    def _of(self, statement: Select[Any], strategy_id: UUID) -> Select[Any]:
        return statement.where(EventRow.user_id == self._user_id, EventRow.strategy_id == strategy_id)


_ORDER_COLUMNS = tuple(getattr(OrderRow, name) for name in OrderRecord.__dataclass_fields__)
_EVENT_COLUMNS = tuple(getattr(EventRow, name) for name in EventRecord.__dataclass_fields__)
