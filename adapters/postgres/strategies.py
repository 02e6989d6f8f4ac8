"""Stores strategies for the API, which creates and reads them; only a run changes their state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.failures import broken_constraint
from adapters.postgres.series_tables import SeriesRow
from adapters.postgres.stop_json import read_protection
from adapters.postgres.tables import USED_IDS_KEY, OrderRow, StopAskedRow, StrategyRow
from adapters.postgres.terms_json import read_terms, terms_json
from adapters.postgres.watch_tables import PeakRow
from domain.kept_stop import Protection
from domain.order import OrderStatus
from domain.strategy import OnStop, Outcome, Phase, Position, Product, Status, Strategy

AT_ONE_MOMENT = 100
"""More strategies of one user than are created in transactions that do not see each other."""
OF_ITS_RUN = and_(PeakRow.strategy_id == StrategyRow.strategy_id, PeakRow.run_id == StrategyRow.run_id)
"""The peak of a strategy's newest run."""
ITS_SERIES = and_(SeriesRow.strategy_id == StrategyRow.strategy_id, SeriesRow.ended_at.is_(None))
"""The open series of a strategy."""
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
    bought_at: datetime | None
    """When the first share of this round was filled."""
    obstacle: str | None = None
    """What keeps its sale from being sent, in the user's words."""
    tick_size: Decimal | None = None
    peak: Decimal | None = None
    """The highest price that could act since the fill, as last written; only a stop that moves has one."""
    left_out: frozenset[date] | None = None
    """The days that its open series leaves out; None where no series is open."""
    protection: Protection | None = None
    """Where its stop was last seen to lie, where it is to rest at the exchange."""
    entry_rests_since: datetime | None = None
    """When its round's entry was sent, where the broker has it, or cancelled it, and nothing is filled."""

    @property
    def spot(self) -> Spot:
        return Spot(self.created_at, self.strategy.strategy_id)

    @property
    def left_over(self) -> bool:
        """Tell whether shares of a failed exit are still held, without the user having chosen so."""
        return self.status is Status.STOPPED and self.position is Position.BOUGHT and not self.kept


class IdUsed(Exception):
    """A deleted strategy had this id; an id is never used again."""


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
            .values(**terms_columns(strategy), user_id=self._user_id, warnings=list(warnings))
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
        found = (await self._session.execute(known)).scalar_one_or_none()
        if found is None:  # deleted between the two statements: the next one finds that its id was used
            return await self.create(strategy, warnings)
        return record_of(found), False

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

    async def hold(self, strategy_id: UUID) -> Strategy | None:
        """Keep a strategy from being deleted or edited until the unit of work ends; None when there is none.

        Returns its terms as they are held.
        """
        query = select(StrategyRow).where(self._is(strategy_id))
        query = query.with_for_update(key_share=True, read=True)
        row = (await self._session.execute(query)).scalar_one_or_none()
        return None if row is None else record_of(row).strategy

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

    async def trades_on(self, strategy_id: UUID, day: date) -> bool:
        """Tell whether a strategy's run has begun to trade on a day, or has traded on it."""
        row = StrategyRow
        begun = and_(row.trading_day == day, row.phase != Phase.WAITING.value)
        ordered = exists().where(
            OrderRow.strategy_id == strategy_id, OrderRow.trading_day == day, OrderRow.sent_at.is_not(None)
        )
        query = select(exists().where(self._is(strategy_id), or_(begun, ordered)))
        return bool((await self._session.execute(query)).scalar_one())

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

    def _is(self, strategy_id: UUID) -> ColumnElement[bool]:
        return and_(StrategyRow.strategy_id == strategy_id, StrategyRow.user_id == self._user_id)


def terms_columns(strategy: Strategy) -> dict[str, Any]:
    """Return what a user says of a strategy, and its id, by their columns."""
    same: dict[str, Any] = {name: getattr(strategy, name) for name in _SAID}
    return same | {"terms": terms_json(strategy.terms)}


def record_of(
    row: Any,
    peak: Decimal | None = None,
    left_out: Sequence[date] | None = None,
    entry_rests_since: datetime | None = None,
) -> StrategyRecord:
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
        left_out=None if left_out is None else frozenset(left_out),
        entry_rests_since=entry_rests_since,
        protection=read_protection(row.protection),
        **same,
    )


_SAID = (
    *("strategy_id", "symbol", "exchange", "product", "buy_time", "sell_time"),
    *("stop_loss", "quantity", "on_stop"),
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
    "bought_at",
)
"""Columns a record shows as they are."""
