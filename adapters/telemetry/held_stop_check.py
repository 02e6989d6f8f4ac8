"""Checks that every held stop is watched by some listener, for the API's readiness."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from domain.errors import StandsStill
from domain.held_stop import why_unwatched


class HeldStopCheck:
    """Checks the age of the longest unwatched stop; `age` returns it, None where none is held."""

    def __init__(self, age: Callable[[], Awaitable[timedelta | None]]) -> None:
        self._age = age

    async def check(self) -> None:
        """Return while all are watched. Raises `StandsStill`, and what `age` raises."""
        why = why_unwatched(await self._age())
        if why is not None:
            raise StandsStill(why)
