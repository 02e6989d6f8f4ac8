"""The wall clock, the host's uptime, and sleeping until an instant."""

import asyncio
import time
from datetime import UTC, datetime

LONGEST_STEP = 1.0
"""Seconds slept before the wall clock is read again: a clock set forward is noticed this late at most."""
UPTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux' monotonic clock stands still while the host is suspended; this one counts on."""


def uptime() -> float:
    """Return the seconds since the host started, those it was suspended for included."""
    return time.clock_gettime(UPTIME)


class SystemClock:
    """The host's clock. Implements `domain.ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return uptime()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def sleep_until(self, instant: datetime) -> None:
        """Return within a millisecond after `instant` by the wall clock, never before it.

        Event loops may wake a timer up to a millisecond early, and the wall clock may be set during the
        sleep: a single long sleep would send an order at the wrong second.
        """
        while (left := (instant - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - time is no event
            await asyncio.sleep(min(left, LONGEST_STEP))
