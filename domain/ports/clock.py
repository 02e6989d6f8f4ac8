"""The time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time, as a port that tests replace."""

    def now(self) -> datetime:
        """Return the wall clock's instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow, those of a suspend included; for deadlines."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    async def sleep_until(self, instant: datetime) -> None:
        """Return at `instant`, not before; at once when it has passed."""
        ...
