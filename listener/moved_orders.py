"""Has accounts looked at soon in which orders move.

One that is not this product's may sell shares that a strategy holds; one of its own may be a stop that rests
at the exchange. Many updates of one account are one request.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from domain.errors import StoreUnavailable
from domain.ports import Clock

GATHER = 0.3
"""Seconds between two requests for one account."""

log = structlog.stdlib.get_logger("orders")


Tell = Callable[[UUID], Awaitable[None]]
"""Has the accounts of a user looked at. Raises `StoreUnavailable`."""


class MovedOrders:
    """Keeps the users in whose accounts such an order moved until the store has taken that."""

    def __init__(self, tell: Tell, clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self._waiting: set[UUID] = set()

    def note(self, user_id: UUID | None) -> None:
        """Take a user's account; None: the operator's own feed account, in which strategies hold nothing."""
        if user_id is not None:
            self._waiting.add(user_id)

    async def run(self) -> None:
        """Pass on until cancelled. While the store is away the accounts wait; they are read each minute."""
        while True:
            for user_id in list(self._waiting):
                try:
                    await self._tell(user_id)
                except StoreUnavailable as away:
                    log.warning("an order moved in an account that could not be made due", reason=str(away))
                    break
                self._waiting.discard(user_id)
            await self._clock.sleep(GATHER)
