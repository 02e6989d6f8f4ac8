"""Hands hit stops to the workers at once: the fast path of the listener."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID


class FastStops(Protocol):
    """The fast path of a stop-loss: the queue from which workers send exits at once. It may lose them."""

    async def put(self, strategy_ids: Sequence[UUID]) -> None:
        """Put one STOPLOSS each, in this order, together. Raises `CacheUnavailable`: some may be put then."""
        ...
