"""An instant after which something must not be done any more, judged by two clocks: the later one counts.

One of them counts what the host slept through in a suspend, the other is the time of day. A virtual machine
that was paused as a whole shows in the second alone, a clock that was set back in the first alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from domain.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Deadline:
    """The end of a time that begins when it is made. A clock set forward ends it early, never late."""

    clock: Clock
    by_uptime: float
    by_wall: datetime

    @classmethod
    def of(cls, clock: Clock, within: timedelta) -> Self:
        """Begin a time that lasts `within` from now."""
        return cls(clock, clock.monotonic() + within.total_seconds(), clock.now() + within)

    def left(self) -> float:
        """Return the seconds that are left by the later of both clocks; zero or less once it has passed."""
        by_wall = (self.by_wall - self.clock.now()).total_seconds()
        return min(self.by_uptime - self.clock.monotonic(), by_wall)
