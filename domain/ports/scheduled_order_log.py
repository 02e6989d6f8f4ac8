"""Orders written down for their instant, and who holds each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.run import EnterOrder, ExitOrder
from domain.scheduled_order import ScheduledOrder, StopSale


class ScheduledOrderLog(Protocol):
    """Orders written down for their instant, and which worker holds each. Raises `StoreUnavailable`."""

    async def arm(self, order: EnterOrder | ExitOrder, worker: str) -> ScheduledOrder | None:
        """Write the leg's first intent as held by `worker`; None when it was sent, or called off, already."""
        ...

    async def slot(self, due_at: datetime) -> int:
        """Return how many orders are held for that instant."""
        ...

    async def beat(self, worker: str) -> None:
        """Say that `worker` is alive; it counts as dead `LEASE` after its last word, sooner if it is gone."""
        ...

    async def leave(self, worker: str) -> None:
        """Say that `worker` ends: what it holds is free for others at once."""
        ...

    async def orphans(self, worker: str, ahead: timedelta) -> Sequence[ScheduledOrder]:
        """Take over what dead workers held: what is due within `ahead`, and what they sent and do not follow;
        and what a living one has not sent in time."""
        ...

    async def at_their_stop(self, strategy_ids: Sequence[UUID], now: datetime) -> Sequence[StopSale]:
        """Return the sale of each that may be sold ahead of its run: shares held, the entry over, no exit
        sent, its run not exiting yet; in the order asked, each with the stop that stands."""
        ...
