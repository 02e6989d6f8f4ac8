"""The events of `queue:orders`, as the workers take them."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID


class StopQueue(Protocol):
    """The events of `queue:orders`: strategies whose stop is hit, as the listener says."""

    async def take(self) -> Sequence[UUID]:
        """Wait for events and return their strategies, each event once among all workers; may be empty.

        Raises `CacheUnavailable`.
        """
        ...
