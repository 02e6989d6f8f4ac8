"""News of timelines for the event streams: one listening connection for the whole process."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol
from uuid import UUID

import structlog

from domain.errors import Unavailable

RECONNECT_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Channel(Protocol):
    """Payloads of a channel; None first, when the listening is in place. Ends with `Unavailable`."""

    def listen(self, channel: str) -> AsyncIterator[str | None]: ...


class StreamWakeup:
    """Rings for one stream."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Return when it has rung since the last wait, or after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()


class PostgresEventNotifier:
    """Implements `api.ports.Notices` over Postgres' notices of new timeline lines."""

    def __init__(self, source: Channel, channel: str) -> None:
        self._source = source
        self._channel = channel
        self._bells: defaultdict[UUID, set[StreamWakeup]] = defaultdict(set)

    @property
    def streams(self) -> int:
        """How many streams are listening now."""
        return sum(len(bells) for bells in self._bells.values())

    @asynccontextmanager
    async def of(self, strategy_id: UUID) -> AsyncIterator[StreamWakeup]:
        """Give a bell that rings for new lines of one timeline."""
        bell = StreamWakeup()
        self._bells[strategy_id].add(bell)
        try:
            yield bell
        finally:
            self._bells[strategy_id].discard(bell)
            if not self._bells[strategy_id]:
                del self._bells[strategy_id]

    async def listen(self) -> None:
        """Ring the bells until cancelled; a lost connection is made again."""
        while True:
            with suppress(Unavailable):
                async for payload in self._source.listen(self._channel):
                    self._ring(payload)
            _log.warning("notices of new events are interrupted; streams look by themselves meanwhile")
            await asyncio.sleep(RECONNECT_SECONDS)

    def _ring(self, payload: str | None) -> None:
        if payload is None:  # some may have been missed
            waiting = [bell for bells in self._bells.values() for bell in bells]
        else:
            waiting = list(self._bells.get(UUID(payload), ()))
        for bell in waiting:
            bell.ring()
