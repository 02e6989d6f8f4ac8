"""Stores when the reconciler and the backup last ran, and returns how long ago that was."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select, update

from adapters.postgres.engine import Store
from adapters.postgres.tables import BackupRow, ReconcilerRound


class Watchers:
    """Ages by the database's clock. Raises `StoreUnavailable` when they are unknown."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def round_ended(self) -> None:
        """Record that a reconciler round has just ended."""
        async with self._store.work() as session:
            await session.execute(update(ReconcilerRound).values(ended_at=func.clock_timestamp()))

    async def round_age(self) -> timedelta | None:
        """Return how long ago the reconciler's last round ended; None when there was none."""
        return await self._age(select(func.clock_timestamp() - func.max(ReconcilerRound.ended_at)))

    async def backup_age(self) -> timedelta | None:
        """Return how old the newest backup is; None when there is none."""
        return await self._age(select(func.clock_timestamp() - func.max(BackupRow.finished_at)))

    async def _age(self, query: Select[Any]) -> timedelta | None:
        async with self._store.read() as session:
            age: timedelta | None = (await session.execute(query)).scalar_one()
        return age
