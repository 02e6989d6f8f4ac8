"""The wall clock, and sleeping until an instant of it."""

import asyncio
import time
from datetime import UTC, datetime

LONGEST_STEP = 1.0
"""Seconds slept before the wall clock is read again: a clock set forward is noticed this late at most."""


class SystemClock:
    """The host's clock. Implements `domain.ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sleep_until(self, instant: datetime) -> None:
        """Return within a millisecond after `instant` by the wall clock, never before it.

        Event loops may wake a timer up to a millisecond early, and the wall clock may be set during the
        sleep: a single long sleep would send an order at the wrong second.
        """
        while (left := (instant - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - time is no event
            await asyncio.sleep(min(left, LONGEST_STEP))
