"""Hands hit stops to the workers at once: the fast path of the listener."""

from collections.abc import Sequence
from typing import Protocol

from domain.hit_stop import HitStop


class FastStops(Protocol):
    """The fast path of a stop-loss: the queue from which workers send exits at once. It may lose them."""

    async def put(self, stops: Sequence[HitStop]) -> None:
        """Put one event each, in this order, together. Raises `CacheUnavailable`: some may be put then."""
        ...
