"""Asks an account for quotes over REST: one batch a second at most, the urgent first."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice

import structlog

from domain.errors import StopwatchError
from domain.market_data import Quotes
from domain.ports import Clock
from domain.quote import Quote

BETWEEN = 1.0
"""Seconds between batches: Kite's limit for quotes, per api_key; listeners that share the key take turns."""
MOST = 500
"""Instruments in one call of `/quote`."""
AT_A_TIME = 50
_LOOK = 0.1
PATIENCE = 3.0
"""Seconds: a slower answer is asked for again, since a price this old would not act for long."""

Answered = Callable[[Mapping[str, Quote], datetime], None]

log = structlog.stdlib.get_logger("prices")


class QuoteRequests:
    """Collects instruments and asks for them together. A failed batch is not repeated unless asked again."""

    def __init__(self, quotes: Quotes, answered: Answered, clock: Clock) -> None:
        self._quotes = quotes
        self._answered = answered
        self._clock = clock
        self._urgent: dict[str, None] = {}
        self._ordinary: dict[str, None] = {}
        self._asked = asyncio.Event()
        self.failure: str | None = None
        """Why the last batch failed, None when it was answered."""
        self.sharing = 1
        """How many listeners ask with this account."""

    @property
    def failing(self) -> bool:
        return self.failure is not None

    def ask(self, instruments: Iterable[str], *, urgent: bool = False) -> None:
        """Want the price of these in the next batch."""
        (self._urgent if urgent else self._ordinary).update(dict.fromkeys(instruments))
        if self._urgent or self._ordinary:
            self._asked.set()

    async def run(self) -> None:
        while True:
            await self._asked.wait()
            began = self._clock.monotonic()
            await self._ask_batch(self._next_batch())
            await self._until_our_turn(began)

    async def _until_our_turn(self, began: float) -> None:
        await self._clock.sleep(max(0.0, began + BETWEEN - self._clock.monotonic()))
        # Looked at again and again: turns come sooner when a listener that shares has died.
        while (left := began + BETWEEN * self._turns - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, _LOOK))

    @property
    def _turns(self) -> int:
        """Return how many seconds a turn takes: one more after a refusal that another one may have caused.

        Two that ask every other second, in the same seconds, would have one of them refused each time.
        """
        return self.sharing + (self.failing and self.sharing > 1)

    def _next_batch(self) -> list[str]:
        batch = list({**self._urgent, **self._ordinary})[:MOST]
        for instrument in batch:
            self._urgent.pop(instrument, None)
            self._ordinary.pop(instrument, None)
        if not self._urgent and not self._ordinary:
            self._asked.clear()
        return batch

    async def _ask_batch(self, batch: list[str]) -> None:
        asked_at = self._clock.now()
        try:
            async with asyncio.timeout(PATIENCE):
                quotes = await self._quotes(batch)
        except Exception as error:  # whatever the broker does, the next second asks again
            if not self.failing:
                log.warning("prices cannot be asked for; trying every second", error=type(error).__name__)
            self.failure = _words(error)
            return
        self.failure = None
        rows = iter(quotes.items())
        while some := dict(islice(rows, AT_A_TIME)):
            self._answered(some, asked_at)
            await asyncio.sleep(0)  # ticks do not wait for five hundred answers


def _words(error: Exception) -> str:
    """Return what is told of a failure: Stopwatch's errors have words for people, others only a name."""
    if isinstance(error, TimeoutError):
        return f"the broker did not answer within {PATIENCE:g} s"
    return str(error) if isinstance(error, StopwatchError) and str(error) else type(error).__name__
