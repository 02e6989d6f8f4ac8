"""Checks that the reconciler makes its rounds, for a process's readiness."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from domain.errors import StandsStill
from domain.ports import Clock
from domain.reconciler import why_still


class RoundWatch:
    """Checks the age of the last round; `age` returns it, None for never."""

    def __init__(self, age: Callable[[], Awaitable[timedelta | None]], clock: Clock) -> None:
        self._age = age
        self._clock = clock
        self._began = clock.monotonic()

    async def check(self) -> None:
        """Return while rounds are made. Raises `StandsStill`, and what `age` raises."""
        watched_for = timedelta(seconds=self._clock.monotonic() - self._began)
        why = why_still(await self._age(), watched_for)
        if why is not None:
            raise StandsStill(why)
