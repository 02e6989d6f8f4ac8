"""Tells of new timeline lines as Postgres announces them: one listening connection for the whole process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol
from uuid import UUID

import structlog

from api.http.ports import Heard
from domain.errors import Unavailable

RECONNECT_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Channel(Protocol):
    """Payloads of a channel; None first, when the listening is in place. Ends with `Unavailable`."""

    def listen(self, channel: str) -> AsyncIterator[str | None]: ...


class PostgresEventNotifier:
    """Implements `api.http.ports.EventNotifier` over Postgres' NOTIFY of new timeline lines."""

    def __init__(self, source: Channel, channel: str) -> None:
        self._source = source
        self._channel = channel
        self._hearing: list[Heard] = []

    @contextmanager
    def subscribed(self, heard: Heard) -> Iterator[None]:
        """Call `heard` for each strategy with new lines while the context lasts."""
        self._hearing.append(heard)
        try:
            yield
        finally:
            self._hearing.remove(heard)

    async def listen(self) -> None:
        """Tell the subscribers until cancelled; a lost connection is made again."""
        while True:
            with suppress(Unavailable):
                async for payload in self._source.listen(self._channel):
                    self._tell(payload)
            _log.warning("listening for new events was interrupted; streams poll until it works again")
            await asyncio.sleep(RECONNECT_SECONDS)

    def _tell(self, payload: str | None) -> None:
        try:
            strategy_id = UUID(payload) if payload is not None else None
        except ValueError:  # any role may send on a channel: what names no strategy says nothing
            _log.warning("a notification of a new event names no strategy", length=len(payload or ""))
            return
        for heard in list(self._hearing):
            heard(strategy_id)
