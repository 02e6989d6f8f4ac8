"""Looks a symbol up in the broker's list of today, for a day of a series that is about to buy."""

import asyncio
import logging

from domain.errors import Unavailable
from domain.listed_day import NOT_KNOWN, ListedSymbol
from domain.ports import Clock, Instruments
from domain.strategy import Strategy
from execution.look_loop import look_on

LISTED_WITHIN = 3.0
"""Seconds for the list: a run wakes at least eight before it buys, and compares closes in some of them."""

LOOK_EVERY = 60.0

log = logging.getLogger("listed")


class ListedToday:
    """Says what the list has; what cannot be read in time is not known, which bars nothing."""

    def __init__(self, instruments: Instruments, clock: Clock) -> None:
        self._instruments = instruments
        self._clock = clock
        self._looks: set[asyncio.Task[ListedSymbol]] = set()
        self._asked: Strategy | None = None

    async def run(self) -> None:
        """Have the list of each morning read before the market opens, until cancelled.

        To parse it takes a second of the process, which no order that is due should share. A worker that was
        never asked, because no strategy repeats, reads none.
        """
        await look_on(self.look, self._clock, LOOK_EVERY, log)

    async def look(self) -> None:
        """Ask for what was asked for last: a list that is yesterday's is read anew."""
        if self._asked is not None:
            await self.of(self._asked)

    async def of(self, strategy: Strategy) -> ListedSymbol:
        """Return what the list has of a strategy's symbol.

        A list that takes longer is read to its end: the next look finds it.
        """
        self._asked = strategy
        look = asyncio.create_task(self._look(strategy))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)
        done, _ = await asyncio.wait({look}, timeout=LISTED_WITHIN)
        return look.result() if done else NOT_KNOWN

    async def _look(self, strategy: Strategy) -> ListedSymbol:
        try:
            found = await self._instruments.find(strategy.exchange, strategy.symbol)
        except Unavailable:
            return NOT_KNOWN
        return ListedSymbol(known=True, instrument=found)
