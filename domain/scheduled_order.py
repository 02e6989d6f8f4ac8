"""Orders that wait for their instant in a worker: which worker holds which, and when another takes them over.

An armed order is an intent in the order log like any other. The worker that holds it claims it a moment
ahead and sends it at its instant; a holder says twice a second that it is alive, a dead one's orders are
taken over. A race between them costs nothing: the claim decides.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.hit_stop import HitStop
from domain.order import Attempt, Reason
from domain.run import EnterOrder, ExitOrder
from domain.standing import Fills, standing
from domain.terms import Terms
from domain.trigger import TriggerKind

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
UNFOLLOWED = timedelta(seconds=120)
"""How long what a dead worker sent is looked for: the entry's horizon; its run looks for it too."""
UNMISSED = timedelta(seconds=30)
"""How late an entry is still taken up; its missed rule is judged where it is claimed."""
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


@dataclass(frozen=True, slots=True)
class StopSale(ScheduledOrder):
    """A sale that may leave ahead of its run once a price hits its stop or its target.

    Where these stand is computed from what the store holds: terms, fills and the peak as last written.
    """

    stop_loss: Decimal | None
    terms: Terms
    fills: Fills
    bought_at: datetime | None = None
    """When the first share of its round was seen to be filled."""

    @property
    def strategy_id(self) -> UUID:
        return self.attempt.key.strategy_id

    def sale_at(self, hit: HitStop) -> ScheduledOrder | None:
        """Return the sale for a hit; None where its price is not at the trigger, or of an earlier round."""
        if self.attempt.key.round > 1 and self.bought_at is not None and hit.at < self.bought_at:
            return None
        peak = max((at for at in (self.fills.peak, hit.peak) if at is not None), default=None)
        stands = standing(self.stop_loss, self.terms, replace(self.fills, peak=peak))
        if not any(trigger.kind is hit.kind and trigger.is_hit(hit.price) for trigger in stands.triggers):
            return None
        if hit.kind is TriggerKind.STOP or not isinstance(self.order, ExitOrder):
            return ScheduledOrder(self.order, self.attempt)
        return ScheduledOrder(replace(self.order, reason=Reason.TARGET), self.attempt)
