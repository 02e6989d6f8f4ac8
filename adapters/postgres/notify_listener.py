"""Listens to Postgres notifications (LISTEN/NOTIFY) of committed changes.

Every role of the database may notify every channel with any text, so a payload is judged before it is used:

an id as Postgres writes it       passed on
any other text                    dropped, counted, and logged once for each process and channel
more than are read                the connection is cut; the caller listens and reads everything again
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from adapters.postgres.engine import CONNECT_SECONDS, asyncpg_url
from adapters.postgres.failures import translated
from domain.errors import StoreUnavailable

STRATEGY_CHANGED = "strategy_changed"
EVENT_ADDED = "event_added"
_PING_EVERY = 5.0
"""Seconds of silence after which the connection is checked: a lost peer sends nothing."""
_ANSWER_SECONDS = 3.0
_MOST_WAITING = 10_000
"""More unread notifications than this mean a stalled reader: it is cut off, and reads all anew."""
_log = structlog.get_logger(__name__)


class NotifyListener:
    """Yields the payloads of a Postgres notification channel, on one connection per listener.

    `dropped` counts the payloads that were no ids.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._odd_channels: set[str] = set()
        self.dropped = 0

    async def listen_for_ids(self, channel: str) -> AsyncIterator[UUID | None]:
        """Yield None once LISTEN is in effect, then each payload that is an id.

        Raises `StoreUnavailable` as `listen` does.
        """
        async for payload in self.listen(channel):
            found = None if payload is None else _id_in(payload)
            if payload is None or found is not None:
                yield found
            else:
                self._drop(channel, payload)

    async def listen(self, channel: str) -> AsyncIterator[str | None]:
        """Yield None once LISTEN is in effect, then each payload.

        The caller reads what was committed before the None; nothing after it is missed. Raises
        `StoreUnavailable` when the connection is lost: listen again, and read everything again.
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

    def _drop(self, channel: str, payload: str) -> None:
        self.dropped += 1
        if channel not in self._odd_channels:
            self._odd_channels.add(channel)
            _log.warning("a notification that is no id was dropped", channel=channel, length=len(payload))

    async def _connect(self) -> Any:
        address = asyncpg_url(self._url).set(drivername="postgresql")
        return await asyncpg.connect(
            address.render_as_string(hide_password=False),
            timeout=CONNECT_SECONDS,
            command_timeout=_ANSWER_SECONDS,
        )


def _id_in(payload: str) -> UUID | None:
    try:
        found = UUID(payload)
    except ValueError:
        return None
    return found if str(found) == payload else None


def _into(waiting: asyncio.Queue[str | None]) -> Any:
    def heard(connection: Any, pid: int, channel: str, payload: str) -> None:
        waiting.put_nowait(payload)
        if waiting.qsize() > _MOST_WAITING:
            connection.terminate()

    return heard


async def _next(connection: Any, waiting: asyncio.Queue[str | None]) -> str:
    while True:
        try:
            async with asyncio.timeout(_PING_EVERY):
                payload = await waiting.get()
        except TimeoutError:
            await connection.execute("SELECT 1")
            continue
        if payload is None:
            raise StoreUnavailable("the connection that listens to Postgres was lost")
        return payload
