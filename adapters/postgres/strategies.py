"""Stores strategies for the API, which creates, reads and deletes them; only a run changes their state."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, literal, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.failures import broken_constraint
from adapters.postgres.starts import Starts
from adapters.postgres.tables import USED_IDS_KEY, OrderRow, StopAskedRow, StrategyRow
from adapters.postgres.terms_json import read_terms, terms_json
from adapters.postgres.watch_tables import PeakRow
from domain.order import OrderStatus
from domain.strategy import OnStop, Outcome, Phase, Position, Product, Status, Strategy

AT_ONE_MOMENT = 100
"""More strategies of one user than are created in transactions that do not see each other."""
OF_ITS_RUN = and_(PeakRow.strategy_id == StrategyRow.strategy_id, PeakRow.run_id == StrategyRow.run_id)
"""The peak of a strategy's newest run."""
_ONE_AFTER_THE_OTHER = text("SELECT pg_advisory_xact_lock(hashtextextended(:user_id, 2))")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a page of a newest-first list ended."""

    created_at: datetime
    row_id: UUID


@dataclass(frozen=True, slots=True)
class StrategyRecord:
    """A strategy and the state of its newest run. Prices are averages; None while nothing was filled."""

    strategy: Strategy
    created_at: datetime
    status: Status
    phase: Phase | None
    position: Position
    outcome: Outcome | None
    outcome_detail: str | None
    trading_day: date | None
    workflow_id: str | None
    run_id: str | None
    buy_at: datetime | None
    sell_at: datetime | None
    closes_at: datetime | None
    warnings: tuple[str, ...]
    bought_quantity: int
    sold_quantity: int
    outside_quantity: int
    missing_note: str | None
    unread_since: datetime | None
    entry_price: Decimal | None
    exit_price: Decimal | None
    kept: bool
    started_at: datetime | None
    stopped_at: datetime | None
    obstacle: str | None = None
    """What keeps its sale from being sent, in the user's words."""
    tick_size: Decimal | None = None
    peak: Decimal | None = None
    """The highest price that could act since the fill, as last written; only a stop that moves has one."""

    @property
    def spot(self) -> Spot:
        return Spot(self.created_at, self.strategy.strategy_id)

    @property
    def left_over(self) -> bool:
        """Tell whether shares of a failed exit are still held, without the user having chosen so."""
        return self.status is Status.STOPPED and self.position is Position.BOUGHT and not self.kept


class IdUsed(Exception):
    """A deleted strategy had this id; an id is never used again."""


class Deletion(StrEnum):
    """The outcome of a request to delete a strategy."""

    DONE = "done"
    UNKNOWN = "unknown"
    RUNNING = "running"
    STARTING = "starting"
    POSITION_OPEN = "position_open"
    IN_DOUBT = "in_doubt"


class Strategies:
    """One user's strategies."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def create(self, strategy: Strategy, warnings: tuple[str, ...] = ()) -> tuple[StrategyRecord, bool]:
        """Create it unless the id exists; return what is stored now, and whether it is new.

        Raises `IdUsed` where a strategy of that id was deleted: its orders' tags would be used again.
        """
        statement = (
            insert(StrategyRow)
            .values(
                strategy_id=strategy.strategy_id,
                user_id=self._user_id,
                symbol=strategy.symbol,
                exchange=strategy.exchange,
                product=strategy.product,
                buy_time=strategy.buy_time,
                sell_time=strategy.sell_time,
                stop_loss=strategy.stop_loss,
                quantity=strategy.quantity,
                on_stop=strategy.on_stop,
                terms=terms_json(strategy.terms),
                warnings=list(warnings),
            )
            .on_conflict_do_nothing(index_elements=["strategy_id"])
            .returning(StrategyRow)
        )
        try:
            made = (await self._session.execute(statement)).scalar_one_or_none()
        except IntegrityError as refused:
            if broken_constraint(refused) == USED_IDS_KEY:
                raise IdUsed(f"strategy {strategy.strategy_id} was deleted") from None
            raise
        if made is not None:
            return record_of(made), True
        known = select(StrategyRow).where(self._is(strategy.strategy_id))
        return record_of((await self._session.execute(known)).scalar_one()), False

    async def are_more_than(self, most: int) -> bool:
        """Tell whether there are, those included that others create at this moment.

        Far from `most` no create waits for another: as many as there are connections are too few to pass it.
        """
        if await self._count() <= most - AT_ONE_MOMENT:
            return False
        await self._session.execute(_ONE_AFTER_THE_OTHER, {"user_id": str(self._user_id)})
        return await self._count() > most

    async def _count(self) -> int:
        query = select(func.count()).where(StrategyRow.user_id == self._user_id)
        return int((await self._session.execute(query)).scalar_one())

    async def page(self, limit: int, after: Spot | None) -> list[StrategyRecord]:
        """Return at most `limit` strategies, newest first, from `after` on."""
        statement = select(StrategyRow, PeakRow.price).outerjoin(PeakRow, OF_ITS_RUN)
        statement = statement.where(StrategyRow.user_id == self._user_id)
        if after is not None:
            place = tuple_(StrategyRow.created_at, StrategyRow.strategy_id)
            statement = statement.where(place < (after.created_at, after.row_id))
        newest_first = (StrategyRow.created_at.desc(), StrategyRow.strategy_id.desc())
        rows = (await self._session.execute(statement.order_by(*newest_first).limit(limit))).all()
        return [record_of(row, peak) for row, peak in rows]

    async def hold(self, strategy_id: UUID) -> bool:
        """Keep a strategy from being deleted until the unit of work ends; False when there is none."""
        query = select(StrategyRow.strategy_id).where(self._is(strategy_id))
        query = query.with_for_update(key_share=True, read=True)
        return (await self._session.execute(query)).scalar_one_or_none() is not None

    async def ask_to_stop(self, strategy_id: UUID, on_stop: OnStop) -> None:
        """Write the user's word to stop, for the START that runs now; the same word keeps its time."""
        asked = select(
            StrategyRow.strategy_id, StrategyRow.user_id, StrategyRow.start_id, literal(on_stop.value)
        ).where(self._is(strategy_id), StrategyRow.status == "running", StrategyRow.start_id.is_not(None))
        row = insert(StopAskedRow).from_select(["strategy_id", "user_id", "start_id", "on_stop"], asked)
        new = row.excluded
        changed = or_(StopAskedRow.start_id != new.start_id, StopAskedRow.on_stop != new.on_stop)
        await self._session.execute(
            row.on_conflict_do_update(
                index_elements=["strategy_id"],
                set_={"start_id": new.start_id, "on_stop": new.on_stop, "asked_at": func.clock_timestamp()},
                where=changed,
            )
        )

    async def any_running(self) -> bool:
        running = and_(StrategyRow.user_id == self._user_id, StrategyRow.status == Status.RUNNING)
        return bool((await self._session.execute(select(exists().where(running)))).scalar_one())

    async def any_in_use(self) -> bool:
        """Tell whether one runs, holds shares that were not kept by choice, or has an order in doubt."""
        left = and_(StrategyRow.position == Position.BOUGHT, StrategyRow.kept.is_(False))
        unanswered = exists().where(
            OrderRow.strategy_id == StrategyRow.strategy_id,
            OrderRow.user_id == self._user_id,
            OrderRow.trading_day == StrategyRow.trading_day,
            OrderRow.status.in_((OrderStatus.SENT, OrderStatus.OPEN, OrderStatus.ABSENT)),
            or_(StrategyRow.closes_at.is_(None), func.now() < StrategyRow.closes_at),
        )
        busy = or_(StrategyRow.status == Status.RUNNING, left, unanswered)
        mine = exists().where(StrategyRow.user_id == self._user_id, busy)
        return bool((await self._session.execute(select(mine))).scalar_one())

    async def delete(self, strategy_id: UUID, start_lasts: timedelta) -> Deletion:
        """Delete a strategy unless it runs, holds shares of a failed exit, or has an order in doubt.

        One whose START was stored within `start_lasts` may yet become a run and is kept too.

        An order in doubt may still turn up and is then found by its row, which stays until the market closes.
        """
        row = (
            await self._session.execute(select(StrategyRow).where(self._is(strategy_id)).with_for_update())
        ).scalar_one_or_none()
        if row is None:
            return Deletion.UNKNOWN
        if row.status == Status.RUNNING:
            return Deletion.RUNNING
        if await Starts(self._session, self._user_id).any_under_way(start_lasts, strategy_id):
            return Deletion.STARTING
        if record_of(row).left_over:
            return Deletion.POSITION_OPEN
        if await self._in_doubt(row):
            return Deletion.IN_DOUBT
        await self._session.execute(delete(StrategyRow).where(self._is(strategy_id)))
        return Deletion.DONE

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


def record_of(row: Any, peak: Decimal | None = None) -> StrategyRecord:
    """Convert a row of `strategies`, or its columns, to a record."""
    same: dict[str, Any] = {name: getattr(row, name) for name in _SAME}
    return StrategyRecord(
        strategy=Strategy(
            strategy_id=row.strategy_id,
            user_id=row.user_id,
            symbol=row.symbol,
            buy_time=row.buy_time,
            sell_time=row.sell_time,
            stop_loss=row.stop_loss,
            quantity=row.quantity,
            exchange=row.exchange,
            product=Product(row.product),
            on_stop=OnStop(row.on_stop),
            terms=read_terms(row.terms),
        ),
        status=Status(row.status),
        phase=Phase(row.phase) if row.phase else None,
        position=Position(row.position),
        outcome=Outcome(row.outcome) if row.outcome else None,
        warnings=tuple(row.warnings),
        peak=peak,
        **same,
    )


_SAME = (
    "created_at",
    "outcome_detail",
    "trading_day",
    "workflow_id",
    "run_id",
    "buy_at",
    "sell_at",
    "closes_at",
    "bought_quantity",
    "sold_quantity",
    "outside_quantity",
    "missing_note",
    "unread_since",
    "entry_price",
    "exit_price",
    "kept",
    "obstacle",
    "tick_size",
    "started_at",
    "stopped_at",
)
"""Columns a record shows as they are."""
