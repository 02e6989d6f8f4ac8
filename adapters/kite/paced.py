"""Quotes of one account, paced: Kite allows one `/quote` call a second; who asks together shares it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from domain.ports import Clock
from domain.stoploss import Quote

EVERY = 1.0
"""Seconds between two calls (Kite Connect's documented limit for quotes)."""
GATHER = 0.02
"""Seconds in which strategies that wake for the same instant find one another."""

Ask = Callable[[list[str]], Awaitable[Mapping[str, Quote]]]


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

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by name; an error of the call is its first asker's, the others ask for themselves."""
        wanted = frozenset(instruments)
        if not self._covers(wanted):
            self._wanted |= wanted
            async with self._turn:
                if not self._covers(wanted):
                    await self._call(wanted)
        return {name: self._last[name] for name in wanted if name in self._last}

    async def _call(self, wanted: frozenset[str]) -> None:
        pause = self._asked_at + EVERY - self._clock.monotonic()
        await self._clock.sleep(max(GATHER, pause))
        asked = self._wanted | wanted
        self._wanted = set()
        self._asked_at = self._clock.monotonic()
        self._covered = frozenset()
        self._last = await self._ask(sorted(asked))
        self._covered = frozenset(asked)

    def _covers(self, wanted: frozenset[str]) -> bool:
        return wanted <= self._covered and self._clock.monotonic() - self._asked_at < EVERY
