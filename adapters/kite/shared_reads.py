"""Shares one account's reads of its books and holdings within a process, and paces them.

Kite takes ten calls a second for all of these together (kite.trade/docs, "rate limits"). Several strategies
of a user that are due at one second would each read the same book, several times a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from domain.ports import Clock

A_SECOND = 4
"""Reads of an account that one process makes a second in the long run: two workers leave room for others."""
AT_ONCE = 4
"""Reads that may follow each other without a pause: a stop does not wait for one that was just before."""

Read = TypeVar("Read")


class ReadPace:
    """Spaces an account's reads: `AT_ONCE` without a pause, then `A_SECOND`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_at = float("-inf")

    def take(self) -> float:
        """Take the next turn; return the seconds until it comes."""
        now, apart = self._clock.monotonic(), 1 / A_SECOND
        at = max(now, self._next_at - (AT_ONCE - 1) * apart)
        self._next_at = max(self._next_at, at) + apart
        return at - now


class SharedRead(Generic[Read]):
    """One list. A read that has not begun serves all who ask until then, and none who ask later."""

    def __init__(self, read: Callable[[], Awaitable[Read]], pace: ReadPace, clock: Clock) -> None:
        self._read = read
        self._pace = pace
        self._clock = clock
        self._next: asyncio.Task[Read] | None = None

    async def get(self) -> Read:
        """Return the list as it is now or later. Raises what the read raises, for all who share it."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._begin())
            self._next.add_done_callback(_seen)
        return await asyncio.shield(self._next)

    async def _begin(self) -> Read:
        wait = self._pace.take()
        if wait > 0:
            await self._clock.sleep(wait)
        self._next = None
        return await self._read()


def _seen(task: "asyncio.Task[Read]") -> None:
    """Take note of a failure that no caller waits for any more."""
    if not task.cancelled():
        task.exception()
