"""Reads the order book beside a position that does not come: it says what others have sold of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from domain.listing import Listing
from domain.order import BrokerOrder
from domain.ports import Clock

BEGINS_AFTER = 0.3
"""Seconds; also between two tries. A position that is read sooner costs the account no second question."""

Read = Callable[[], Awaitable[Listing[BrokerOrder] | None]]


class BookBeside:
    """The order book as it was read while the position was not; `read` returns None where it cannot be."""

    def __init__(self, read: Read, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._task: asyncio.Task[Listing[BrokerOrder]] | None = None
        self._has_failed = False

    @asynccontextmanager
    async def begun(self) -> AsyncIterator["BookBeside"]:
        """Read while the context lasts, once `BEGINS_AFTER` is over."""
        self._task = asyncio.create_task(self._until_read())
        try:
            yield self
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def known(self, seconds: float) -> Listing[BrokerOrder] | None:
        """Return the book, waiting so long for a first answer at the most; None where it was not read."""
        if self._task is None:
            return None
        if not self._has_failed:
            await asyncio.wait({self._task}, timeout=seconds)
        failed = not self._task.done() or self._task.cancelled() or self._task.exception() is not None
        return None if failed else self._task.result()

    async def _until_read(self) -> Listing[BrokerOrder]:
        while True:
            await self._clock.sleep(BEGINS_AFTER)
            book = await self._read()
            if book is not None:
                return book
            self._has_failed = True
