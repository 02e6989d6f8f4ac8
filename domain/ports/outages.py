"""Times in which no worker lived."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.outage import Outage


class Outages(Protocol):
    """The outages of all workers, by the store's clock. Every method raises `StoreUnavailable`."""

    async def woke(self, worker: str) -> Outage | None:
        """Note that a worker has begun, before its first sign of life; return the outage that it ends.

        It is one where no other worker has given a sign of life for `domain.outage.LONG`.
        """
        ...

    async def since(self, instant: datetime) -> Sequence[Outage]:
        """Return the outages that had not ended at an instant, oldest first."""
        ...

    async def tell_unwatched(self, outage: Outage) -> int:
        """Write into the timeline of each strategy that held shares how long nothing watched their stop.

        Only while the market was open for it. May be repeated. Returns how many were told.
        """
        ...
