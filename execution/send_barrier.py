"""Many orders that leave at one moment: what follows an order waits until the others have left."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class SendBarrier:
    """Counts the orders that are about to leave."""

    def __init__(self) -> None:
        self._leaving = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def leaving(self) -> Iterator[Callable[[], None]]:
        """Count one order until it has left, which the caller says by what it is given, or will not."""
        counted = True
        self._leaving += 1
        self._none.clear()

        def left() -> None:
            nonlocal counted
            if counted:
                counted = False
                self._leaving -= 1
                if not self._leaving:
                    self._none.set()

        try:
            yield left
        finally:
            left()

    async def over(self, seconds: float) -> None:
        """Wait until no order is about to leave, but no longer than so many seconds."""
        if self._none.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none.wait()
