"""A trigger that a price hits."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.trigger import PriceTrigger, TriggerKind
from domain.watched_strategy import WatchedStrategy


@dataclass(frozen=True, slots=True)
class Crossing:
    """`price` hits one of the strategy's triggers; `tick_at` is the exchange's time, where it is known.

    `peak`: the highest price since its fill, where its stop follows that.
    """

    watched: WatchedStrategy
    trigger: PriceTrigger
    price: Decimal
    tick_at: datetime | None
    seen_at: datetime
    peak: Decimal | None = None

    def order(self) -> tuple[TriggerKind, Decimal]:
        """Return what crossings are sorted by: the kind's priority, then the farthest beyond its level.

        The distance is a part of the price: for a stop, the danger the strategy is in.
        """
        return self.trigger.kind, -abs(self.price - self.trigger.level) / self.price
