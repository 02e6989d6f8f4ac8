"""The events of `queue:orders`, as the workers take them."""

from typing import Protocol

from domain.hit_stop import TakenStops


class StopQueue(Protocol):
    """The events of `queue:orders`: strategies whose stop is hit, as the listener says."""

    async def take(self) -> TakenStops:
        """Wait for events and return them, each once among all workers; may be empty.

        Only what the listener has signed is returned; the rest is dropped, and counted by its reason. Raises
        `CacheUnavailable`.
        """
        ...
