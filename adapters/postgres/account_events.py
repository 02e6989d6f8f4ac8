"""Reads what a stream of all strategies of one user follows: new timeline lines, and what has changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.engine import Store
from adapters.postgres.read_models import EventRecord
from adapters.postgres.strategies import OF_ITS_RUN
from adapters.postgres.tables import EventRow, StrategyRow
from adapters.postgres.watch_tables import PeakRow

_COLUMNS = tuple(EventRecord.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Stamp:
    """By what it shows that a strategy is not as it was. `newest` is the id of its newest line, 0 without."""

    updated_at: datetime
    peak: Decimal | None
    newest: int


@dataclass(frozen=True, slots=True)
class Stamps:
    """All strategies of a user, and the last id that the database has given to a line of any user."""

    last_given: int = 0
    of: dict[UUID, Stamp] = field(default_factory=dict)


async def read_stamps(store: Store, user_id: UUID) -> Stamps:
    """Return what says whether anything of a user's is new: the read that each round makes for each user.

    One statement, its text and its key made once, on a bare connection.
    """
    async with store.look(user_id) as connection:
        rows = (await connection.execute(_STAMPS, {"user_id": user_id})).all()
    known = {row.strategy_id: Stamp(row.updated_at, row.peak, row.newest) for row in rows if row.strategy_id}
    return Stamps(rows[0].last_given, known)


class AccountEvents:
    """One user's strategies. Ids of lines grow in commit order within a strategy, and not over several."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def after(self, floor: int, known: Collection[int], limit: int) -> Sequence[EventRecord]:
        """Return at most `limit` lines with ids beyond `floor`, oldest first, without those in `known`."""
        row = EventRow
        lines = (
            select(*(getattr(row, name) for name in _COLUMNS))
            .where(row.strategy_id == StrategyRow.strategy_id, row.user_id == self._user_id)
            .where(row.event_id > floor, row.event_id.not_in(known))
            .order_by(row.event_id)
            .limit(limit)
            .lateral("lines")
        )
        query = select(*(lines.c[name] for name in _COLUMNS)).select_from(StrategyRow).join(lines, _ALWAYS)
        query = query.where(StrategyRow.user_id == self._user_id).order_by(lines.c.event_id).limit(limit)
        return [EventRecord(*found) for found in await self._session.execute(query)]

    async def settled(self, age: timedelta) -> int:
        """Return the largest id of a line that is so old; 0 without one."""
        row = EventRow
        newest = (
            select(row.event_id)
            .where(row.strategy_id == StrategyRow.strategy_id, row.user_id == self._user_id)
            .where(row.at < func.clock_timestamp() - age)
            .order_by(row.event_id.desc())
            .limit(1)
            .lateral("newest")
        )
        query = select(func.coalesce(func.max(newest.c.event_id), 0)).select_from(StrategyRow)
        query = query.join(newest, _ALWAYS).where(StrategyRow.user_id == self._user_id)
        return int((await self._session.execute(query)).scalar_one())

    async def last_given(self) -> int:
        """Return the last id that the database has given to a line, of any user: none beyond it exists."""
        return int((await self._session.execute(_LAST_GIVEN)).scalar_one())


_LAST_GIVEN = text("SELECT last_value FROM events_event_id_seq")
_ALWAYS = func.coalesce(True)
"""A condition of a lateral join that holds for each of its rows."""
_GIVEN = (
    text("SELECT last_value AS last_given FROM events_event_id_seq")
    .columns(last_given=EventRow.event_id.type)
    .subquery("given")
)
_NEWEST = (
    select(func.coalesce(func.max(EventRow.event_id), 0))
    .where(EventRow.strategy_id == StrategyRow.strategy_id, EventRow.user_id == StrategyRow.user_id)
    .scalar_subquery()
)
_STAMPS = (
    select(
        _GIVEN.c.last_given,
        StrategyRow.strategy_id,
        StrategyRow.updated_at,
        PeakRow.price.label("peak"),
        _NEWEST.label("newest"),
    )
    .select_from(_GIVEN)
    .outerjoin(StrategyRow, StrategyRow.user_id == bindparam("user_id"))
    .outerjoin(PeakRow, OF_ITS_RUN)
)
