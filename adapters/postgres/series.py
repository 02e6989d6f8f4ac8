"""Stores series: opened and ended by their users, carried on from one day to the next by the worker.

Whatever ends a series locks its row; so does what writes its next day down. A day's end and a STOP that come
together are one after the other: either no day follows, or the one that follows finds its series ended.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.engine import Store
from adapters.postgres.run_ends import finish_day
from adapters.postgres.runs import begin_next_day
from adapters.postgres.series_tables import SeriesRow
from adapters.postgres.starts import start_of, terms_of_row
from adapters.postgres.tables import StartRow, StrategyRow
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from domain.errors import PlanIsOld
from domain.order import OrderStatus
from domain.ports import Bound, SeriesState, WaitingDay
from domain.run import (
    RunRef,
    StartRun,
)
from domain.series import (
    DayEnd,
    EndDay,
    PlanAnew,
    SeriesEnd,
    why_it_ends,
)
from domain.strategy import Phase, Position, Status

_IN_DOUBT = (OrderStatus.SENT, OrderStatus.ABSENT, OrderStatus.OPEN)
OVER_FOR = timedelta(days=1)
MOST = 500
"""Waiting days that are returned at once."""


class UserSeries:
    """One user's series, for the API."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def open(self, strategy_id: UUID, series_id: UUID) -> UUID:
        """Open a series; return its id, or that of the one that is open."""
        row = SeriesRow
        statement = insert(row).values(series_id=series_id, strategy_id=strategy_id, user_id=self._user_id)
        await self._session.execute(statement.on_conflict_do_nothing())
        query = select(row.series_id).where(self._open(strategy_id))
        return (await self._session.execute(query)).scalar_one()

    async def end(self, strategy_id: UUID, why: SeriesEnd) -> bool:
        """End a strategy's series; False where none is open."""
        return await self._end(self._open(strategy_id), why)

    async def end_all(self, why: SeriesEnd) -> bool:
        """End every open series of the user; False where none is."""
        row = SeriesRow
        return await self._end(and_(row.user_id == self._user_id, row.ended_at.is_(None)), why)

    async def leave_out(self, strategy_id: UUID, day: date) -> bool:
        """Leave a day out of a strategy's series; False where none is open."""
        row = SeriesRow
        days = func.array_append(func.array_remove(row.left_out, day), day)
        statement = update(row).where(self._open(strategy_id)).values(left_out=days).returning(row.series_id)
        return (await self._session.execute(statement)).first() is not None

    async def confirm_prices(self, strategy_id: UUID) -> None:
        """Take a user's word on the prices of a series: they are no longer in question."""
        change = update(SeriesRow).where(self._open(strategy_id))
        await self._session.execute(change.values(asked_on=None, close_day=None))

    async def left_out(self, strategy_id: UUID) -> Sequence[date] | None:
        """Return the days that an open series leaves out; None where none is open."""
        query = select(SeriesRow.left_out).where(self._open(strategy_id))
        return (await self._session.execute(query)).scalar_one_or_none()

    async def _end(self, which: ColumnElement[bool], why: SeriesEnd) -> bool:
        row = SeriesRow
        statement = update(row).where(which).values(ended_at=func.clock_timestamp(), ended_by=why.value)
        return (await self._session.execute(statement.returning(row.series_id))).first() is not None

    def _open(self, strategy_id: UUID) -> ColumnElement[bool]:
        row = SeriesRow
        return and_(row.strategy_id == strategy_id, row.user_id == self._user_id, row.ended_at.is_(None))


class PostgresSeries:
    """Implements `domain.ports.SeriesStore`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = StrategyWriter(store)

    async def state(self, start: StartRun) -> SeriesState | None:
        """Return the series of a START as it stands; None where it has ended."""
        query = (
            select(StrategyRow, SeriesRow)
            .join(SeriesRow, SeriesRow.strategy_id == StrategyRow.strategy_id)
            .where(SeriesRow.series_id == start.series_id, SeriesRow.ended_at.is_(None))
        )
        async with self._store.read() as session:
            found = (await session.execute(query)).one_or_none()
        if found is None:
            return None
        strategy, series = found
        return _state(strategy, series)

    async def end_day(self, request: EndDay, following: StartRun | None) -> StartRun | None:
        """Write the end of a day down, and the START that follows it, in one transaction. Idempotent.

        `following` is None where no day follows. Returns the START of which no run has begun. Raises
        `PlanIsOld` where it does not fit any more.
        """
        ref = request.finish.ref
        write = Write(
            ref.strategy_id,
            ref.user_id,
            lambda unit: _end_day(unit, request, following),
            day=following.plan.trading_day if following else None,
            series=True,
        )
        if await self._writer.write(write):
            raise PlanIsOld
        return await self.pending(ref.strategy_id)

    async def plan_anew(self, request: PlanAnew, following: StartRun) -> StartRun | None:
        """Put another START in the place of one that waits. Idempotent; returns as `end_day`.

        None as well where the day has begun, or the series has ended.
        """
        ref = request.ref
        write = Write(
            ref.strategy_id,
            ref.user_id,
            lambda unit: _plan_anew(unit, request, following),
            day=following.plan.trading_day,
            series=True,
        )
        if await self._writer.write(write):
            raise PlanIsOld
        return await self.pending(ref.strategy_id)

    async def bind(self, request: PlanAnew) -> Bound:
        """Fix the terms of a waiting day where they are still those of its START: no edit comes after."""
        ref = request.ref
        return await self._writer.write(
            Write(ref.strategy_id, ref.user_id, lambda unit: _bind(unit, request), series=True)
        )

    async def pending(self, strategy_id: UUID) -> StartRun | None:
        """Return the START of a strategy's next day while no run of it has begun."""
        query = _PENDING.where(StrategyRow.strategy_id == strategy_id)
        async with self._store.read() as session:
            row = (await session.execute(query)).scalar_one_or_none()
        return None if row is None else start_of(row)

    async def all_pending(self, since: timedelta) -> Sequence[StartRun]:
        """Return the STARTs that were written so long ago and of which no run has begun."""
        query = _PENDING.where(StartRow.written_at < func.now() - since).limit(MOST)
        async with self._store.read() as session:
            return [start_of(row) for row in await session.scalars(query)]

    async def all_over(self) -> Sequence[WaitingDay]:
        """Return the days that wait with a run although their series was ended in the last day."""
        lately = SeriesRow.ended_at > func.now() - OVER_FOR
        async with self._store.read() as session:
            rows = (await session.execute(_WAITING.where(lately).limit(MOST))).all()
        return [_waiting(*row) for row in rows]

    async def waiting(self, first: UUID, last: UUID) -> Sequence[WaitingDay]:
        """Return the days of series that wait with a run, of strategies between two ids."""
        query = _WAITING.where(StrategyRow.strategy_id.between(first, last))
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [_waiting(*row) for row in rows]


def _waiting(strategy: StrategyRow, start: StartRow, series: SeriesRow) -> WaitingDay:
    state = None if series.ended_at is not None else _state(strategy, series)
    return WaitingDay(start_of(start), strategy.workflow_id or "", strategy.run_id or "", state)


def _state(strategy: StrategyRow, series: SeriesRow) -> SeriesState:
    return SeriesState(terms_of_row(strategy), frozenset(series.left_out), series.last_day, series.asked_on)


def _end_day(unit: UnitOfWork, request: EndDay, following: StartRun | None) -> bool:
    """Return True where the next day was planned by what is no longer so: then nothing is written."""
    strategy, finish = unit.strategy, request.finish
    if strategy.start_id != finish.ref.start_id or strategy.status != Status.RUNNING:
        return False  # it was written before
    why = _why_it_ends(unit, request)
    if why is None and following is None:
        why = SeriesEnd.COMPLETED
    if why is None and following is not None and _is_old(unit, following):
        return True
    goes_on = following if why is None else None
    if unit.series is not None:
        unit.series.last_day = strategy.trading_day
    finish_day(unit, request, why, goes_on)
    if goes_on is not None:
        begin_next_day(unit, goes_on)
    elif unit.series is not None and unit.series.ended_at is None and why is not None:
        unit.series.ended_at, unit.series.ended_by = unit.now, why.value
    return False


def _why_it_ends(unit: UnitOfWork, request: EndDay) -> SeriesEnd | None:
    series, strategy = unit.series, unit.strategy
    if series is None or series.series_id != request.start.series_id:
        return SeriesEnd.STOPPED  # another one took its place
    if series.ended_by is not None:
        return SeriesEnd(series.ended_by)
    orders = unit.of_round(strategy.trading_day, strategy.round)
    return why_it_ends(
        DayEnd(
            request.finish.outcome,
            strategy.bought_quantity - strategy.sold_quantity - request.finish.outside,
            any(row.status in _IN_DOUBT for row in orders),
            request.asked or request.start.adopted is not None,
            request.limited,
        )
    )


def _is_old(unit: UnitOfWork, following: StartRun) -> bool:
    series = unit.series
    changed = terms_of_row(unit.strategy) != following.strategy
    return changed or (series is not None and following.plan.trading_day in series.left_out)


def _plan_anew(unit: UnitOfWork, request: PlanAnew, following: StartRun) -> bool:
    strategy = unit.strategy
    if not _is_open(unit, request.start) or not _waits(strategy, request.ref):
        return False
    if any(row.sent_at is not None for row in unit.of_round(strategy.trading_day, strategy.round)):
        return False
    if _is_old(unit, following):
        return True
    begin_next_day(unit, following, in_place_of=request.start)
    return False


def _bind(unit: UnitOfWork, request: PlanAnew) -> Bound:
    if not _is_open(unit, request.start):
        return Bound.OVER
    if unit.strategy.start_id != request.ref.start_id or unit.strategy.status != Status.RUNNING:
        return Bound.OVER
    if _is_old(unit, request.start):
        return Bound.EDITED
    if unit.series is not None and unit.series.asked_on is not None:
        return Bound.IN_QUESTION
    unit.strategy.phase = Phase.ENTERING.value
    return Bound.BOUND


def _is_open(unit: UnitOfWork, start: StartRun) -> bool:
    series = unit.series
    return series is not None and series.series_id == start.series_id and series.ended_at is None


def _waits(strategy: StrategyRow, ref: RunRef) -> bool:
    return (
        strategy.start_id == ref.start_id
        and strategy.status == Status.RUNNING
        and strategy.phase == Phase.WAITING
        and strategy.position != Position.BOUGHT
    )


_PENDING = (
    select(StartRow)
    .join(StrategyRow, StrategyRow.start_id == StartRow.start_id)
    .where(
        StrategyRow.status == Status.RUNNING.value,
        StrategyRow.run_id.is_(None),
        StartRow.series_id.is_not(None),
    )
    .order_by(StartRow.written_at)
)
_WAITING = (
    select(StrategyRow, StartRow, SeriesRow)
    .join(StartRow, StartRow.start_id == StrategyRow.start_id)
    .join(SeriesRow, SeriesRow.series_id == StartRow.series_id)
    .where(
        StrategyRow.status == Status.RUNNING.value,
        StrategyRow.phase == Phase.WAITING.value,
        StrategyRow.run_id.is_not(None),
    )
    .order_by(StrategyRow.strategy_id)
)
