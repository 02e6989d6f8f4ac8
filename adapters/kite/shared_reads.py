"""Shares one account's reads of its books and holdings within a process, and paces them over all processes.

Kite takes ten calls a second for all of these together (kite.trade/docs, "rate limits"). Several strategies
of a user that are due at one second would each read the same book, several times a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from domain.errors import StoreUnavailable
from domain.ports import Clock, ReadTurns
from domain.read_turns import APART, OWN_EVERY, TURNS_AT_ONCE

ASK_AGAIN = 0.1
"""Seconds until a turn is asked for again that was too far ahead."""
ANSWERS_WITHIN = 0.25
"""Seconds in which a turn is granted, else it is read without: the store is away, or has more to do."""

Read = TypeVar("Read")


class Spacing:
    """Spaces reads: `at_once` without a pause, then one every `apart` seconds."""

    def __init__(self, clock: Clock, at_once: int, apart: float) -> None:
        self._clock = clock
        self._spare = (at_once - 1) * apart
        self._apart = apart
        self._next_at = float("-inf")

    def left(self) -> float:
        """Return the seconds until the next turn."""
        return max(0.0, self._next_at - self._spare - self._clock.monotonic())

    def take(self) -> float:
        """Take the next turn; return the seconds until it comes."""
        left = self.left()
        self._next_at = max(self._next_at, self._clock.monotonic()) + self._apart
        return left


class ReadPace:
    """The reads of an account by a process that shares it with no other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spacing = Spacing(clock, TURNS_AT_ONCE, APART.total_seconds())

    async def turn(self) -> None:
        """Wait until the account may be read once."""
        await self._clock.sleep(self._spacing.take())


class TurnPace(ReadPace):
    """The reads of an account by one process of several: one a second of its own, the others by turns."""

    def __init__(self, clock: Clock, turns: ReadTurns, account: str, *, own: bool = True) -> None:
        """`own`: it may read without a turn now and then; else only where the store does not answer."""
        super().__init__(clock)
        self._turns = turns
        self._account = account
        self._has_own = own
        self._own = Spacing(clock, 1, OWN_EVERY.total_seconds())
        self._blind = Spacing(clock, 1, OWN_EVERY.total_seconds())

    async def turn(self) -> None:
        """Wait until the account may be read once. A store that is away makes it seldom, never impossible."""
        while not (self._has_own and self._took(self._own)):
            try:
                async with asyncio.timeout(ANSWERS_WITHIN):
                    wait = await self._turns.take(self._account)
            except (StoreUnavailable, TimeoutError):
                if self._took(self._blind):
                    return None
                wait = None
            if wait is not None:
                return await self._clock.sleep(wait)
            await self._clock.sleep(ASK_AGAIN)
        return None

    @staticmethod
    def _took(spacing: Spacing) -> bool:
        if spacing.left():
            return False
        spacing.take()
        return True


class SharedRead(Generic[Read]):
    """One list. A read that has not begun serves all who ask until then, and none who ask later."""

    def __init__(self, read: Callable[[], Awaitable[Read]], pace: ReadPace) -> None:
        self._read = read
        self._pace = pace
        self._next: asyncio.Task[Read] | None = None

    async def get(self) -> Read:
        """Return the list as it is now or later. Raises what the read raises, for all who share it."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._begin())
            self._next.add_done_callback(_seen)
        return await asyncio.shield(self._next)

    async def _begin(self) -> Read:
        await self._pace.turn()
        self._next = None
        return await self._read()


def _seen(task: "asyncio.Task[Read]") -> None:
    """Take note of a failure that no caller waits for any more."""
    if not task.cancelled():
        task.exception()
