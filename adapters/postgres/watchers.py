"""Stores when the reconciler last ran; returns its age and those of backups, and which workers are alive."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select, text, update

from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.operation_tables import (
    BackupRow,
    ReconcilerRound,
    RestoreDrillRow,
    WalArchiveRow,
    WorkerRow,
)

ALIVE_WITHIN = timedelta(seconds=10)
"""A worker without a sign of life for so long takes no new run; one that is busy says that it lives."""

_UNREAD_FOR = text(
    """
SELECT max(clock_timestamp() - greatest(account_reads.read_at, strategies.bought_at))
FROM strategies LEFT JOIN starts ON starts.start_id = strategies.start_id
    LEFT JOIN account_reads ON account_reads.user_id = strategies.user_id
        AND account_reads.account = coalesce(starts.account, '')
WHERE strategies.status = 'running' AND strategies.position = 'bought'
"""
)


class Watchers:
    """Ages by the database's clock. Raises `StoreUnavailable` when they are unknown."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def round_ended(self) -> None:
        """Record that a reconciler round has just ended."""
        async with self._store.work() as session:
            await session.execute(update(ReconcilerRound).values(ended_at=func.clock_timestamp()))

    async def live_builds(self) -> frozenset[str]:
        """Return the versions of the workers that are alive; empty of one without versions."""
        query = select(WorkerRow.build_id).where(WorkerRow.alive_at > func.clock_timestamp() - ALIVE_WITHIN)
        async with self._store.read() as session:
            return frozenset(await session.scalars(query))

    async def round_age(self) -> timedelta | None:
        """Return how long ago the reconciler's last round ended; None when there was none."""
        return await self._age(select(func.clock_timestamp() - func.max(ReconcilerRound.ended_at)))

    async def backup_age(self) -> timedelta | None:
        """Return how old the newest dump is; None when there is none."""
        return await self._backup_age("dump")

    async def base_backup_age(self) -> timedelta | None:
        """Return how old the newest base backup of the server is; None when there is none."""
        return await self._backup_age("base")

    async def wal_archive_age(self) -> timedelta | None:
        """Return how much of the newest past is not in the WAL archive; None where there is no archive."""
        return await self._age(select(func.clock_timestamp() - func.max(WalArchiveRow.archived_until)))

    async def drill_age(self) -> timedelta | None:
        """Return how long ago a backup was last restored without a fault; None when none ever was."""
        newest = func.max(RestoreDrillRow.finished_at).filter(RestoreDrillRow.faults == [])
        return await self._age(select(func.clock_timestamp() - newest))

    async def account_age(self) -> timedelta | None:
        """Return for how long the account was not read that waits longest; None where none holds shares."""
        async with self._store.statement() as connection:
            age: timedelta | None = (await connection.execute(_UNREAD_FOR)).scalar_one()
        return age

    async def watch_age(self) -> timedelta | None:
        """Return how long ago the held stop was watched that waits longest; None where none is held."""
        return await PostgresHeldStops(self._store).longest()

    async def _backup_age(self, kind: str) -> timedelta | None:
        newest = func.max(BackupRow.finished_at).filter(BackupRow.kind == kind)
        return await self._age(select(func.clock_timestamp() - newest))

    async def _age(self, query: Select[Any]) -> timedelta | None:
        async with self._store.read() as session:
            age: timedelta | None = (await session.execute(query)).scalar_one()
        return age
