"""Deletes and edits strategies by which nothing trades, under a lock that excludes a START of them.

A START holds its strategy's row (`Strategies.hold`) while it is written down: it is either there when this
lock is taken, or it finds the strategy as it is afterwards.
"""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.starts import Starts
from adapters.postgres.strategies import StrategyRecord, record_of, terms_columns
from adapters.postgres.tables import OrderRow, StrategyRow
from domain.order import OrderStatus
from domain.strategy import Phase, Position, Status, Strategy


class Use(StrEnum):
    """What keeps a strategy from being deleted or edited."""

    RUNNING = "running"
    REPEATING = "repeating"
    """It waits for its next day, and what is to be taken away is that it repeats."""
    STARTING = "starting"
    POSITION_OPEN = "position_open"
    IN_DOUBT = "in_doubt"


class InUse(Exception):
    """A strategy can be neither deleted nor edited now; `use` says why."""

    def __init__(self, use: Use) -> None:
        super().__init__(use.value)
        self.use = use


class IdleStrategies:
    """One user's strategies, as far as nothing trades by them.

    In use is one that runs, holds shares of a failed exit, or has an order in doubt; and one whose START was
    stored within `start_lasts`, which may yet become a run. An order in doubt may still turn up and is then
    found by its row, which stays as it is until the market closes.
    """

    def __init__(self, session: AsyncSession, user_id: UUID, start_lasts: timedelta) -> None:
        self._session = session
        self._user_id = user_id
        self._start_lasts = start_lasts

    async def delete(self, strategy_id: UUID) -> bool:
        """Delete a strategy; False when there is none. Raises `InUse`."""
        if await self._lock(strategy_id) is None:
            return False
        await self._session.execute(delete(StrategyRow).where(self._is(strategy_id)))
        return True

    async def edit(
        self, before: Strategy, after: Strategy, warnings: tuple[str, ...]
    ) -> StrategyRecord | None:
        """Give a strategy other terms; None when it has not the terms `before` any more. Raises `InUse`."""
        row = await self._lock(before.strategy_id, waiting=True)
        if row is not None and _waits(row) and after.terms.repeat is None:
            raise InUse(Use.REPEATING)
        if row is None or record_of(row).strategy != before:
            return None
        change = update(StrategyRow).where(self._is(before.strategy_id))
        change = change.values(**_changeable(after), warnings=list(warnings), updated_at=func.now())
        changed = (await self._session.execute(change.returning(StrategyRow))).scalar_one()
        return record_of(changed)

    async def _lock(self, strategy_id: UUID, *, waiting: bool = False) -> StrategyRow | None:
        """Lock a strategy that is not in use; `waiting`: one that repeats and waits for a day is not."""
        query = select(StrategyRow).where(self._is(strategy_id)).with_for_update()
        row = (await self._session.execute(query)).scalar_one_or_none()
        if row is not None:
            use = None if waiting and _waits(row) else await self._use_of(row)
            if use is not None:
                raise InUse(use)
        return row

    async def _use_of(self, row: StrategyRow) -> Use | None:
        if row.status == Status.RUNNING:
            return Use.RUNNING
        starts = Starts(self._session, self._user_id)
        if await starts.any_under_way(self._start_lasts, row.strategy_id):
            return Use.STARTING
        if record_of(row).left_over:
            return Use.POSITION_OPEN
        return Use.IN_DOUBT if await self._in_doubt(row) else None

    async def _in_doubt(self, row: StrategyRow) -> bool:
        unanswered = and_(
            OrderRow.strategy_id == row.strategy_id,
            OrderRow.user_id == self._user_id,
            OrderRow.trading_day == row.trading_day,
            OrderRow.status.in_((OrderStatus.SENT, OrderStatus.OPEN, OrderStatus.ABSENT)),
        )
        if row.closes_at is not None:
            closes_at = literal(row.closes_at, StrategyRow.closes_at.type)  # bare, it loses its zone
            unanswered = and_(unanswered, func.now() < closes_at)
        return bool((await self._session.execute(select(exists().where(unanswered)))).scalar_one())

    def _is(self, strategy_id: UUID) -> ColumnElement[bool]:
        return and_(StrategyRow.strategy_id == strategy_id, StrategyRow.user_id == self._user_id)


def _waits(row: StrategyRow) -> bool:
    """Tell whether it repeats, and waits for its next day: that is planned by the terms of then."""
    repeats = record_of(row).strategy.terms.repeat is not None
    waiting = row.status == Status.RUNNING and row.phase == Phase.WAITING
    return repeats and waiting and row.position != Position.BOUGHT


def _changeable(strategy: Strategy) -> dict[str, object]:
    """Return the columns that an edit may change."""
    return {name: value for name, value in terms_columns(strategy).items() if name != "strategy_id"}
