"""Tells of new timeline lines as Postgres announces them: one listening connection for the whole process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

import structlog

from api.http.ports import Heard
from domain.errors import Unavailable

RECONNECT_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Channel(Protocol):
    """Ids announced on a channel; None first, when the listening is in place. Ends with `Unavailable`.

    `dropped` counts what was announced and is no id.
    """

    dropped: int

    def listen_for_ids(self, channel: str) -> AsyncIterator[UUID | None]: ...


class PostgresEventNotifier:
    """Implements `api.http.ports.EventNotifier` over Postgres' NOTIFY of new timeline lines."""

    def __init__(self, source: Channel, channel: str) -> None:
        self._source = source
        self._channel = channel
        self._hearing: list[Heard] = []

    @property
    def dropped(self) -> int:
        """How many notifications were no ids, since the process began."""
        return self._source.dropped

    @contextmanager
    def subscribed(self, heard: Heard) -> Iterator[None]:
        """Call `heard` for each strategy with new lines while the context lasts."""
        self._hearing.append(heard)
        try:
            yield
        finally:
            self._hearing.remove(heard)

    async def listen(self) -> None:
        """Tell the subscribers until cancelled; however listening ends, it begins again."""
        while True:
            try:
                async for strategy_id in self._source.listen_for_ids(self._channel):
                    for heard in list(self._hearing):
                        heard(strategy_id)
            except Unavailable:
                pass
            except Exception:
                _log.exception("listening for new events failed")
            _log.warning("listening for new events was interrupted; streams poll until it works again")
            await asyncio.sleep(RECONNECT_SECONDS)
