"""A clock for tests on Temporal's time-skipping server: sleeps take no real time."""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio import activity


class ElasticClock:
    """Virtual time that follows the server: an activity's start pulls it forward, so does every sleep."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._slept = 0.0
        self.oversleeps = timedelta(0)
        """How much too late `sleep_until` returns: a machine that was suspended."""

    def now(self) -> datetime:
        if activity.in_activity():
            self._now = max(self._now, activity.info().started_time)
        return self._now

    def monotonic(self) -> float:
        return self._slept

    async def sleep(self, seconds: float) -> None:
        self._now = self.now() + timedelta(seconds=seconds)
        self._slept += seconds
        await asyncio.sleep(0.001)

    async def sleep_until(self, instant: datetime) -> None:
        await self.sleep(max(0.0, (instant + self.oversleeps - self.now()).total_seconds()))
