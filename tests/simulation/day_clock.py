"""The clock of a simulated day's workers, which stands for the frozen, and their alarms with its time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from domain.run import Alarm
from tests.fakes.alerts import MemoryAlerts
from tests.simulation.server import Killed, attempt_now


class Stage(Protocol):
    """What the clock asks of the day it is part of."""

    skew: float

    def now(self) -> float: ...

    def store_now(self) -> datetime: ...


class DayClock:
    """Implements `domain.ports.Clock` for the workers, whose clocks may be wrong."""

    def __init__(self, day: Stage) -> None:
        self._day = day

    def now(self) -> datetime:
        return self._day.store_now() + timedelta(seconds=self._day.skew)

    def monotonic(self) -> float:
        return self._day.now()

    async def sleep(self, seconds: float) -> None:
        alive()
        await asyncio.sleep(max(0.0, seconds))
        await self._thawed()
        alive()

    async def _thawed(self) -> None:
        attempt = attempt_now.get()
        if attempt is not None and attempt.worker.frozen_until > self._day.now():
            await asyncio.sleep(attempt.worker.frozen_until - self._day.now())

    async def sleep_until(self, instant: datetime) -> None:
        await self.sleep((instant - self.now()).total_seconds())


@dataclass
class TimedAlerts(MemoryAlerts):
    """Alarms, with the moments at which they were raised."""

    now: Callable[[], float] = lambda: 0.0
    at: list[float] = field(default_factory=list)

    async def raise_(self, alarm: Alarm) -> None:
        self.at.append(self.now())
        await super().raise_(alarm)


def alive() -> None:
    attempt = attempt_now.get()
    if attempt is not None and attempt.worker.dead:
        raise Killed
