"""Changes a strategy's rows under the lock of its row, so that decisions are made on what is changed.

Locks are taken in one order everywhere: the strategy's row, then its orders, then its series; then timeline
lines are added.
So event ids grow in commit order.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.audit import audit
from adapters.postgres.engine import Store
from adapters.postgres.finished_rounds import write_finished, write_late_fills
from adapters.postgres.series_tables import SeriesRow
from adapters.postgres.starts import write_next_start
from adapters.postgres.tables import EventRow, OrderRow, StrategyRow
from adapters.postgres.write_batcher import Batcher, Later
from domain.audit import AuditLine
from domain.errors import AnotherRun, ForeignStart, IllegalMove
from domain.order import LegKey
from domain.run import StartRun

Result = TypeVar("Result")


@dataclass(slots=True)
class UnitOfWork:
    """One locked strategy, with its orders of the days asked for. `now` is Postgres' clock."""

    strategy: StrategyRow
    now: datetime
    orders: list[OrderRow] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    """The asked `once` keys that the timeline has already."""
    added: list[OrderRow] = field(default_factory=list)
    next_starts: list[StartRun] = field(default_factory=list)
    """The next days of its series that are written down here."""
    series: SeriesRow | None = None
    """The strategy's newest series, where it was asked for: locked as well."""
    lines: list[dict[str, Any]] = field(default_factory=list)
    audits: list[AuditLine] = field(default_factory=list)
    """Audit lines for an operator's own act on these rows."""
    ended: list[dict[str, Any]] = field(default_factory=list)
    """Rounds that end here, for the books (`adapters.postgres.finished_rounds`)."""
    filled_late: set[tuple[date, int]] = field(default_factory=set)
    """Rounds by day and number that may have ended before this fill of theirs was known."""

    def leg(self, key: LegKey) -> list[OrderRow]:
        """Return a leg's attempts, oldest first."""
        name = (key.trading_day, key.round, key.leg)
        found = (row for row in self.orders if (row.trading_day, row.round, row.leg) == name)
        return sorted(found, key=lambda row: row.attempt)

    def of_round(self, day: date | None, round_: int) -> list[OrderRow]:
        """Return both legs' attempts of a round."""
        return [row for row in self.orders if (row.trading_day, row.round) == (day, round_)]

    def order(self, order_id: UUID) -> OrderRow:
        """Return one of the days' orders. Raises `LookupError`: an intent never disappears."""
        for row in self.orders:
            if row.order_id == order_id:
                return row
        raise LookupError(f"order {order_id} is not in the order log")

    def add_order(self, row: OrderRow) -> None:
        """Write an intent; the lock keeps other writers from writing the same one."""
        self.orders.append(row)
        self.added.append(row)

    def say(self, kind: str, text: str, once: str, data: dict[str, str] | None = None) -> None:
        """Add a line to the timeline, unless its `once` exists."""
        self.lines.append(
            {
                "user_id": self.strategy.user_id,
                "strategy_id": self.strategy.strategy_id,
                "kind": str(kind),
                "phase": self.strategy.phase,
                "text": text,
                "data": data or {},
                "once": once,
            }
        )


@dataclass(frozen=True, slots=True)
class Write(Generic[Result]):
    """One change to one strategy's rows; `apply` decides before it changes anything, and does no I/O.

    It gets the orders of the newest run's day, and of `day`; `once` is a key to look up in the timeline;
    `series`: the strategy's newest series as well.
    """

    strategy_id: UUID
    user_id: UUID
    apply: Callable[[UnitOfWork], Result]
    day: date | None = None
    once: str | None = None
    series: bool = False


class StrategyWriter:
    """Applies writes to strategies' rows, each under its row's lock, many in one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._batcher: Batcher[Write[Any], Any] = Batcher(self._write)

    async def write(self, write: Write[Result]) -> Result:
        """Apply the write and return its result once committed; an error it raises affects no other write.

        Raises `LookupError` where the user has no such strategy.
        """
        result: Result = await self._batcher.add(write)
        return result

    async def _write(self, writes: Sequence[Write[Any]], wait: bool) -> list[Any]:
        async with self._store.work() as session:
            units = await _locked(session, writes, wait)
            await _load_orders(session, units, writes)
            await _load_written(session, units, writes)
            await _load_series(session, units, writes)
            answers = [_apply(units, write, wait) for write in writes]
            await _save(session, units.values())
        return answers


def _apply(units: dict[UUID, UnitOfWork], write: Write[Any], wait: bool) -> Any:
    unit = units.get(write.strategy_id)
    if unit is None and not wait:
        return Later.LATER
    if unit is None or unit.strategy.user_id != write.user_id:
        return LookupError(f"strategy {write.strategy_id} does not exist")
    try:
        return write.apply(unit)
    except (IllegalMove, LookupError, AnotherRun, ForeignStart) as error:
        return error


async def _locked(session: AsyncSession, writes: Sequence[Write[Any]], wait: bool) -> dict[UUID, UnitOfWork]:
    query = (
        select(StrategyRow, func.clock_timestamp())
        .where(StrategyRow.strategy_id.in_({write.strategy_id for write in writes}))
        .order_by(StrategyRow.strategy_id)
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    found = await session.execute(query)
    return {strategy.strategy_id: UnitOfWork(strategy, now) for strategy, now in found}


async def _load_orders(
    session: AsyncSession, units: dict[UUID, UnitOfWork], writes: Sequence[Write[Any]]
) -> None:
    days = {(write.strategy_id, write.day) for write in writes if write.strategy_id in units}
    days |= {(strategy_id, unit.strategy.trading_day) for strategy_id, unit in units.items()}
    wanted = [(strategy_id, day) for strategy_id, day in days if day is not None]
    if not wanted:
        return
    query = (
        select(OrderRow)
        .where(tuple_(OrderRow.strategy_id, OrderRow.trading_day).in_(wanted))
        .order_by(OrderRow.order_id)
        .with_for_update(key_share=True)
    )
    for row in await session.scalars(query):
        units[row.strategy_id].orders.append(row)


async def _load_written(
    session: AsyncSession, units: dict[UUID, UnitOfWork], writes: Sequence[Write[Any]]
) -> None:
    keys = [(write.strategy_id, write.once) for write in writes if write.once and write.strategy_id in units]
    if not keys:
        return
    query = select(EventRow.strategy_id, EventRow.once).where(
        tuple_(EventRow.strategy_id, EventRow.once).in_(keys)
    )
    for strategy_id, once in await session.execute(query):
        units[strategy_id].written.add(once)


async def _load_series(
    session: AsyncSession, units: dict[UUID, UnitOfWork], writes: Sequence[Write[Any]]
) -> None:
    asked = {write.strategy_id for write in writes if write.series and write.strategy_id in units}
    if not asked:
        return
    query = (
        select(SeriesRow)
        .where(SeriesRow.strategy_id.in_(asked))
        .order_by(SeriesRow.strategy_id, SeriesRow.begun_at, SeriesRow.series_id)
        .with_for_update()
    )
    for row in await session.scalars(query):
        units[row.strategy_id].series = row


async def _save(session: AsyncSession, units: Iterable[UnitOfWork]) -> None:
    lines: list[dict[str, Any]] = []
    units = list(units)
    for unit in units:
        session.add_all(unit.added)
        lines += unit.lines
        if session.is_modified(unit.strategy):
            unit.strategy.updated_at = unit.now
    await session.flush()
    for start in (start for unit in units for start in unit.next_starts):
        await write_next_start(session, start)
    if lines:
        await session.execute(insert(EventRow).on_conflict_do_nothing(), lines)
    await _save_books(session, units)
    for line in (line for unit in units for line in unit.audits):
        await audit(session, line)


async def _save_books(session: AsyncSession, units: Sequence[UnitOfWork]) -> None:
    ended = [row for unit in units for row in unit.ended]
    if ended:
        await write_finished(session, ended)
    late = [unit.of_round(day, number) for unit in units for day, number in sorted(unit.filled_late)]
    if late:
        await write_late_fills(session, late)
