"""Reads the running strategies that the listener watches."""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text

from adapters.postgres.engine import Store
from adapters.postgres.notify_listener import STRATEGY_CHANGED, NotifyListener
from adapters.postgres.terms_json import read_terms
from domain.ports import Digest
from domain.strategy import Phase, Position
from domain.watched_strategy import AT_A_TIME, WatchedStrategy

# The mark is a hash of the whole row, so that no writer can forget to move it. Peaks are the listener's own.
_ALL = (
    "SELECT w.*, p.price AS peak, greatest(p.written_at, w.bought_at) AS peak_since, "
    "hash_record_extended(w, 0) AS mark "
    "FROM watched AS w LEFT JOIN watched_peaks AS p USING (strategy_id, run_id)"
)
_SOME = f"{_ALL} WHERE strategy_id = ANY(:ids)"
_DIGEST = "SELECT count(*), coalesce(sum(hash_record_extended(w, 0)), 0) FROM watched AS w"


class PostgresWatchList:
    """Implements `domain.ports.WatchList` by what the listener's role sees: the view `watched`."""

    def __init__(self, store: Store, notifications: NotifyListener) -> None:
        self._store = store
        self._notifications = notifications

    async def all(self) -> list[WatchedStrategy]:
        """Return every running strategy."""
        return await self._found(_ALL, {})

    async def some(self, strategy_ids: Collection[UUID]) -> list[WatchedStrategy]:
        """Return those of them that run."""
        return await self._found(_SOME, {"ids": list(strategy_ids)})

    async def digest(self) -> Digest:
        """Return the number of running strategies and the sum of their marks."""
        async with self._store.read() as session:
            count, marks = (await session.execute(text(_DIGEST))).one()
        return Digest(count, int(marks))

    async def _found(self, query: str, words: dict[str, Any]) -> list[WatchedStrategy]:
        async with self._store.read() as session:
            rows = (await session.execute(text(query), words)).mappings().all()
        watched = []
        for start in range(0, len(rows), AT_A_TIME):
            watched += [_watched(row) for row in rows[start : start + AT_A_TIME]]
            await asyncio.sleep(0)  # ticks do not wait for ten thousand rows
        return watched

    async def changes(self) -> AsyncIterator[UUID | None]:
        """Yield the id of each strategy that changed; None at the beginning: read all."""
        async for strategy_id in self._notifications.listen_for_ids(STRATEGY_CHANGED):
            yield strategy_id


def _watched(row: RowMapping) -> WatchedStrategy:
    return WatchedStrategy(
        strategy_id=row["strategy_id"],
        user_id=row["user_id"],
        exchange=row["exchange"],
        symbol=row["symbol"],
        stop_loss=row["stop_loss"],
        phase=Phase(row["phase"]),
        position=Position(row["position"]),
        workflow_id=row["workflow_id"],
        run_id=row["run_id"] or "",  # NULL between two days of a series
        mark=row["mark"],
        terms=read_terms(row["terms"]),
        entry=row["entry_price"],
        tick=row["tick_size"],
        peak=row["peak"],
        peak_since=row["peak_since"],
    )
