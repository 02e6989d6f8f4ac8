"""Orders that wait for their instant in a worker: which worker holds which, and when another takes them over.

An armed order is an intent in the order log like any other. The worker that holds it claims it a moment
ahead and sends it at its instant; a holder says twice a second that it is alive, a dead one's orders are
taken over. A race between them costs nothing: the claim decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.order import Attempt
from domain.run import EnterOrder, ExitOrder

BEAT_EVERY = 0.5
"""Seconds between two signs of life of a worker."""
LEASE = timedelta(seconds=1.5)
"""A worker without a sign of life for so long counts as dead: two beats may be lost."""
GONE_AFTER = timedelta(seconds=0.6)
"""One whose connection has ended counts as dead after this: not at once, it may connect anew."""
UNSENT_AFTER = timedelta(seconds=1.5)
"""What its holder has not sent by then is anybody's: a worker may say that it is alive, and not get to it.

Not sooner: where many are due at once, others would only stand in the way of the one that is at it.
"""
EXIT_SENT_WITHIN = timedelta(seconds=1)
"""A held exit leaves within so long of its instant, or is the run's.

While Postgres is away a run sells without it, three seconds after it noticed; nothing that was held may be
claimed at the same time on some other machine that still reaches Postgres.
"""


@dataclass(frozen=True, slots=True)
class ScheduledOrder:
    """An order that a worker holds for its instant, with the intent it leaves under."""

    order: EnterOrder | ExitOrder
    attempt: Attempt


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

    async def at_their_stop(self, strategy_ids: Sequence[UUID], now: datetime) -> Sequence[ScheduledOrder]:
        """Return the sale of each that may be sold ahead of its run: shares held, the entry over, no exit
        sent, no exit begun yet; in the order asked."""
        ...


class StopQueue(Protocol):
    """The events of `queue:orders`: strategies whose stop is hit, as the listener says."""

    async def take(self) -> Sequence[UUID]:
        """Wait for events and return their strategies, each event once among all workers; may be empty.

        Raises `CacheUnavailable`.
        """
        ...
