"""Wakes event streams when a timeline has new lines: one listening connection for the whole process."""

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
    """Ids announced on a channel; None first, when the listening is in place. Ends with `Unavailable`.

    `dropped` counts what was announced and is no id.
    """

    dropped: int

    def listen_for_ids(self, channel: str) -> AsyncIterator[UUID | None]: ...


class StreamWakeup:
    """Wakes one stream."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        """Return when something has come since the last wait, or after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()


class PostgresEventNotifier:
    """Implements `api.http.ports.EventNotifier` over Postgres' NOTIFY of new timeline lines."""

    def __init__(self, source: Channel, channel: str) -> None:
        self._source = source
        self._channel = channel
        self._wakeups: defaultdict[UUID, set[StreamWakeup]] = defaultdict(set)

    @property
    def streams(self) -> int:
        """How many streams are listening now."""
        return sum(len(wakeups) for wakeups in self._wakeups.values())

    @property
    def dropped(self) -> int:
        """How many notifications were no ids, since the process began."""
        return self._source.dropped

    @asynccontextmanager
    async def of(self, strategy_id: UUID) -> AsyncIterator[StreamWakeup]:
        """Give what wakes a stream for new lines of one timeline."""
        wakeup = StreamWakeup()
        self._wakeups[strategy_id].add(wakeup)
        try:
            yield wakeup
        finally:
            self._wakeups[strategy_id].discard(wakeup)
            if not self._wakeups[strategy_id]:
                del self._wakeups[strategy_id]

    async def listen(self) -> None:
        """Wake the streams until cancelled; however listening ends, it begins again."""
        while True:
            try:
                async for strategy_id in self._source.listen_for_ids(self._channel):
                    self._wake(strategy_id)
            except Unavailable:
                pass
            except Exception:
                _log.exception("listening for new events failed")
            _log.warning("listening for new events was interrupted; streams poll until it works again")
            await asyncio.sleep(RECONNECT_SECONDS)

    def _wake(self, strategy_id: UUID | None) -> None:
        if strategy_id is None:  # some may have been missed
            waiting = [wakeup for wakeups in self._wakeups.values() for wakeup in wakeups]
        else:
            waiting = list(self._wakeups.get(strategy_id, ()))
        for wakeup in waiting:
            wakeup.wake()
