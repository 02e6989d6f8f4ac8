"""The listener's view of running strategies, and Postgres' notices as they are committed."""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import RowMapping, text

from adapters.postgres.engine import CONNECT_SECONDS, Store, asyncpg_url
from adapters.postgres.failures import translated
from domain.errors import StoreUnavailable
from domain.listener_ports import Digest, WatchedStrategy
from domain.strategy import Phase, Position

STRATEGY_CHANGED = "strategy_changed"
EVENT_ADDED = "event_added"
_HEARD_EVERY = 5.0
"""A connection that lost its other end says nothing, so it is asked this often."""
_ANSWER_SECONDS = 3.0
_MOST_WAITING = 10_000
"""More unread notices than this mean a reader that stands still: it is told to begin again."""
# The mark is a hash of the whole row, so that no writer can forget to move it.
_ALL = "SELECT w.*, hash_record_extended(w, 0) AS mark FROM watched AS w"
_SOME = "SELECT w.*, hash_record_extended(w, 0) AS mark FROM watched AS w WHERE strategy_id = ANY(:ids)"
_DIGEST = "SELECT count(*), coalesce(sum(hash_record_extended(w, 0)), 0) FROM watched AS w"
_AT_A_TIME = 200


class Notices:
    """What Postgres announces, on a connection of its own for each listener."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def listen(self, channel: str) -> AsyncIterator[str | None]:
        """Yield None once the listening is in place, then each payload.

        What was committed before the None has to be read by the caller; nothing after it is missed. Ends with
        `StoreUnavailable` when the connection is lost: begin again, and read all again.
        """
        waiting: asyncio.Queue[str | None] = asyncio.Queue()
        async with translated():
            connection = await self._connect()
            try:
                connection.add_termination_listener(lambda _: waiting.put_nowait(None))
                await connection.add_listener(channel, _into(waiting))
                yield None
                while True:
                    yield await _next(connection, waiting)
            finally:
                connection.terminate()

    async def _connect(self) -> Any:
        address = asyncpg_url(self._url).set(drivername="postgresql")
        return await asyncpg.connect(
            address.render_as_string(hide_password=False),
            timeout=CONNECT_SECONDS,
            command_timeout=_ANSWER_SECONDS,
        )


def _into(waiting: asyncio.Queue[str | None]) -> Any:
    def heard(connection: Any, pid: int, channel: str, payload: str) -> None:
        waiting.put_nowait(payload)
        if waiting.qsize() > _MOST_WAITING:
            connection.terminate()

    return heard


async def _next(connection: Any, waiting: asyncio.Queue[str | None]) -> str:
    while True:
        try:
            async with asyncio.timeout(_HEARD_EVERY):
                payload = await waiting.get()
        except TimeoutError:
            await connection.execute("SELECT 1")
            continue
        if payload is None:
            raise StoreUnavailable("the connection that listens to Postgres was lost")
        return payload


class PostgresWatchList:
    """Implements `domain.listener_ports.WatchList` by what the listener's role sees: the view `watched`."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices

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
        for start in range(0, len(rows), _AT_A_TIME):
            watched += [_watched(row) for row in rows[start : start + _AT_A_TIME]]
            await asyncio.sleep(0)  # ticks do not wait for ten thousand rows
        return watched

    async def changes(self) -> AsyncIterator[UUID | None]:
        """Yield the id of each strategy that changed; None at the beginning: read all."""
        async for payload in self._notices.listen(STRATEGY_CHANGED):
            yield UUID(payload) if payload is not None else None


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
        run_id=row["run_id"],
        mark=row["mark"],
    )
