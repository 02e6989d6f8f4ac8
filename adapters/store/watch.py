"""The listener's view of running strategies, and Postgres' notices as they are committed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import RowMapping, text

from adapters.store.engine import CONNECT_SECONDS, Store, asyncpg_url
from adapters.store.failures import translated
from domain.errors import StoreUnavailable
from domain.ports import WatchedStrategy
from domain.strategy import Phase, Position

STRATEGY_CHANGED = "strategy_changed"
EVENT_ADDED = "event_added"
_HEARD_EVERY = 5.0
"""A connection that lost its other end says nothing, so it is asked this often."""
_ANSWER_SECONDS = 3.0
_MOST_WAITING = 10_000
"""More unread notices than this mean a reader that stands still: it is told to begin again."""


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
            payload = await asyncio.wait_for(waiting.get(), _HEARD_EVERY)
        except TimeoutError:
            await connection.execute("SELECT 1")
            continue
        if payload is None:
            raise StoreUnavailable("the connection that listens to Postgres was lost")
        return payload


class PostgresWatchList:
    """Implements `domain.ports.WatchList` with what the listener's role may see: the view `watched`."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices

    async def all(self) -> list[WatchedStrategy]:
        """Return every running strategy."""
        async with self._store.read() as session:
            found = await session.execute(text("SELECT * FROM watched"))
            return [_watched(row) for row in found.mappings()]

    async def one(self, strategy_id: UUID) -> WatchedStrategy | None:
        """Return one while it runs, None when it does not."""
        query = text("SELECT * FROM watched WHERE strategy_id = :strategy_id")
        async with self._store.read() as session:
            row = (await session.execute(query, {"strategy_id": strategy_id})).mappings().one_or_none()
        return _watched(row) if row is not None else None

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
    )
