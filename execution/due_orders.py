"""Spreads the last questions and the claims of many orders that are due at one instant."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from domain.ports import Clock
from execution.halting import wait_until

QUOTE_AHEAD = timedelta(seconds=0.4)
"""How long before buy_time the last price is asked for: fresh, and answered by the instant."""
QUOTE_TURN = timedelta(seconds=0.003)
QUOTE_EARLIEST = timedelta(seconds=3.4)
"""Of many that are due at one instant each asks a little before the last: a price may be 5 s old."""
CLAIM_AHEAD = timedelta(seconds=0.03)
CLAIM_TURN = timedelta(seconds=0.0006)
CLAIM_EARLIEST = timedelta(seconds=0.5)
"""How long before its instant an order is claimed: one takes 5 ms, a thousand half a second. What is claimed
by a worker that dies before the instant is in doubt, so not longer than it takes."""


class DueOrders:
    """Counts the orders of this process that wait for each instant."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: Counter[datetime] = Counter()

    @contextmanager
    def waiting(self, due_at: datetime) -> Iterator[int]:
        """Count an order among those due at one instant, and give its turn: how many came before it."""
        turn = self._due[due_at]
        self._due[due_at] += 1
        try:
            yield turn
        finally:
            self._due[due_at] -= 1
            if not self._due[due_at]:
                del self._due[due_at]

    async def until_claim(self, due_at: datetime, halt: asyncio.Event) -> bool:
        """Wait until an order due then is to be claimed; False when halted first."""
        ahead = min(CLAIM_AHEAD + CLAIM_TURN * self._due[due_at], CLAIM_EARLIEST)
        return await wait_until(self._clock, due_at - ahead, halt)


def ask_ahead(turn: int) -> timedelta:
    """Return how long before its instant an order's last question is asked, with `turn` others before it."""
    return min(QUOTE_AHEAD + QUOTE_TURN * turn, QUOTE_EARLIEST)
