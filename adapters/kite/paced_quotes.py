"""Paces one account's quote calls within one process: Kite allows one `/quote` call a second."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from domain.ports import Clock
from domain.quote import Quote

EVERY = 1.0
"""Seconds between two calls (Kite Connect's documented limit for quotes), from the answer of the first: the
broker counts by calendar second, and one call may be longer on its way than the next."""
ARRIVED = 0.5
"""Seconds after which a call has reached the broker, whatever becomes of its answer."""
GATHER = 0.02
"""Seconds in which strategies that wake for the same instant find one another."""

Ask = Callable[[list[str]], Awaitable[Mapping[str, Quote]]]


class AskWithin(Protocol):
    """Asks the broker once; a request that has not left within so many seconds never leaves."""

    def __call__(
        self, names: list[str], leave_within: float | None = None, /
    ) -> Awaitable[Mapping[str, Quote]]: ...


class Quotes(Protocol):
    """An account's quotes, however their calls are paced."""

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]: ...


Pace = Callable[[AskWithin, Clock], Quotes]
"""Paces the questions of an account."""


class PacedQuotes:
    """Answers from the last call while it is under a second old and covers what is asked, else asks again."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._turn = asyncio.Lock()
        self._wanted: set[str] = set()
        self._covered: frozenset[str] = frozenset()
        self._last: Mapping[str, Quote] = {}
        self._asked_at = float("-inf")
        self._free_at = float("-inf")

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by name; a failed call raises for its first caller, the others ask again."""
        wanted = frozenset(instruments)
        if not self._covers(wanted):
            self._wanted |= wanted
            async with self._turn:
                if not self._covers(wanted):
                    await self._call(wanted)
        return {name: self._last[name] for name in wanted if name in self._last}

    async def _call(self, wanted: frozenset[str]) -> None:
        await self._clock.sleep(max(GATHER, self._free_at - self._clock.monotonic()))
        asked = self._wanted | wanted
        self._wanted = set()
        self._asked_at = self._clock.monotonic()
        self._covered = frozenset()
        try:
            self._last = await self._ask(sorted(asked))
        finally:
            self._free_at = min(self._clock.monotonic(), self._asked_at + ARRIVED) + EVERY
        self._covered = frozenset(asked)

    def _covers(self, wanted: frozenset[str]) -> bool:
        return wanted <= self._covered and self._clock.monotonic() - self._asked_at < EVERY
