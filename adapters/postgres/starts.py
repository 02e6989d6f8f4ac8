"""Stores STARTs: written by the API before a run begins, read by the run and by its adoption."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, String, and_, cast, exists, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from adapters.postgres.engine import Store
from adapters.postgres.tables import EventRow, StartRow, StrategyRow
from adapters.postgres.terms_json import read_terms
from adapters.postgres.user_tables import BrokerKeys, account_name
from domain.run import Release, StartRun
from domain.session import DayPlan
from domain.strategy import OnStop, Product, Strategy

BEGUN = ":started"
"""What the timeline's line of a START's beginning is known by, behind its start_id."""
_TERMS, _PLAN = TypeAdapter(Strategy), TypeAdapter(DayPlan)


@dataclass(frozen=True, slots=True)
class KnownStart:
    """A stored START of a user. `may_begin`: no run of it has begun, nor one of a later START."""

    start: StartRun
    may_begin: bool


class Starts:
    """One user's STARTs: added, and never changed."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def write(self, start: StartRun) -> None:
        """Store a START, in the transaction of its request; one that is stored already stays as it is."""
        await self._session.execute(
            insert(StartRow)
            .values(
                start_id=start.start_id,
                user_id=self._user_id,
                strategy_id=start.strategy.strategy_id,
                account=start.account,
                terms=_TERMS.dump_python(start.strategy, mode="json"),
                plan=_PLAN.dump_python(start.plan, mode="json"),
                sell_only=start.sell_only,
                release=start.release,
                series_id=start.series_id,
            )
            .on_conflict_do_nothing(index_elements=[StartRow.start_id])
        )

    async def find(self, start_id: UUID) -> KnownStart | None:
        """Return a START of the user, None where it was not stored."""
        later = aliased(StartRow)
        is_later = and_(
            later.strategy_id == StartRow.strategy_id,
            later.written_at > StartRow.written_at,
            later.user_id == self._user_id,
            _begun(later),
        )
        query = select(StartRow, ~_begun(), ~exists().where(is_later)).where(
            StartRow.start_id == start_id, StartRow.user_id == self._user_id
        )
        found = (await self._session.execute(query)).one_or_none()
        if found is None:
            return None
        row, unbegun, none_later = found
        return KnownStart(start_of(row), unbegun and none_later)

    async def account_of_newest(self, strategy_id: UUID) -> str:
        """Return the account of the START whose shares a strategy holds; empty where it is unknown."""
        query = (
            select(StartRow.account)
            .join(StrategyRow, StrategyRow.start_id == StartRow.start_id)
            .where(StrategyRow.strategy_id == strategy_id, StartRow.user_id == self._user_id)
        )
        return (await self._session.execute(query)).scalar_one_or_none() or ""

    async def terms_of_newest(self, strategy_id: UUID) -> Strategy | None:
        """Return the terms by which a strategy's shares were bought; None where they are unknown."""
        query = (
            select(StartRow.terms)
            .join(StrategyRow, StrategyRow.start_id == StartRow.start_id)
            .where(StrategyRow.strategy_id == strategy_id, StartRow.user_id == self._user_id)
        )
        written = (await self._session.execute(query)).scalar_one_or_none()
        return None if written is None else _TERMS.validate_python(written)

    async def any_under_way(self, within: timedelta, strategy_id: UUID | None = None) -> bool:
        """Tell whether a recent START may still become a run; of one strategy, or of any."""
        mine: list[ColumnElement[bool]] = [
            StartRow.user_id == self._user_id,
            StartRow.written_at > func.clock_timestamp() - within,
            ~_begun(),
        ]
        if strategy_id is not None:
            mine.append(StartRow.strategy_id == strategy_id)
        return bool((await self._session.execute(select(exists().where(and_(*mine))))).scalar_one())


@dataclass(frozen=True, slots=True)
class Written:
    """A stored START; `connected` is the account that its user has connected now, if any."""

    start: StartRun
    connected: str | None

    @property
    def account_gone(self) -> bool:
        """Tell whether its account was deleted since: nothing can be traded in it."""
        return bool(self.start.account) and self.start.account != self.connected


class WrittenStarts:
    """STARTs of all users, for the worker's role."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, start_id: UUID) -> Written | None:
        """Return a stored START, None where it was not stored."""
        query = (
            select(StartRow, BrokerKeys.broker, BrokerKeys.broker_user_id)
            .outerjoin(BrokerKeys, BrokerKeys.user_id == StartRow.user_id)
            .where(StartRow.start_id == start_id)
        )
        async with self._store.read() as session:
            found = (await session.execute(query)).one_or_none()
        if found is None:
            return None
        row, broker, broker_user_id = found
        return Written(start_of(row), account_name(broker, broker_user_id) if broker else None)


_NEXT = text("SELECT next_start(:id, :series_id, CAST(:terms AS jsonb), CAST(:plan AS jsonb))")


async def write_next_start(session: AsyncSession, start: StartRun) -> None:
    """Write the next day of an open series down, in the account of the days before."""
    written = {
        "id": start.start_id,
        "series_id": start.series_id,
        "terms": _TERMS.dump_json(start.strategy).decode(),
        "plan": _PLAN.dump_json(start.plan).decode(),
    }
    await session.execute(_NEXT, written)


def start_of(row: StartRow) -> StartRun:
    """Convert a row to the START it stores."""
    return StartRun(
        row.start_id,
        _TERMS.validate_python(row.terms),
        _PLAN.validate_python(row.plan),
        row.sell_only,
        account=row.account,
        release=Release(row.release) if row.release else None,
        series_id=row.series_id,
    )


def start_of_strategy(row: StrategyRow) -> StartRun | None:
    """Return the START that a strategy's row names, as far as that row knows it; None where there was none.

    For runs begun by a version that stored no STARTs. No run needs the opening time of the day.
    """
    if row.start_id is None or row.trading_day is None:
        return None
    if row.buy_at is None or row.sell_at is None or row.closes_at is None:
        return None
    plan = DayPlan(row.trading_day, row.buy_at, row.sell_at, row.buy_at, row.closes_at, tuple(row.warnings))
    return StartRun(row.start_id, terms_of_row(row), plan)


def terms_of_row(row: StrategyRow) -> Strategy:
    """Return the terms that a strategy's row has now."""
    return Strategy(
        row.strategy_id,
        row.user_id,
        row.symbol,
        row.buy_time,
        row.sell_time,
        row.stop_loss,
        row.quantity,
        row.exchange,
        Product(row.product),
        OnStop(row.on_stop),
        read_terms(row.terms),
    )


def _begun(start: type[StartRow] = StartRow) -> ColumnElement[bool]:
    line = func.concat(cast(start.start_id, String), literal(BEGUN))
    return exists().where(EventRow.strategy_id == start.strategy_id, EventRow.once == line)
