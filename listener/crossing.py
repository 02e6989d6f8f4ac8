"""A trigger that a price hits."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.trigger import PriceTrigger, TriggerKind
from domain.watched_strategy import WatchedStrategy


@dataclass(frozen=True, slots=True)
class Crossing:
    """`price` hits one of the strategy's triggers; `tick_at` is the exchange's time, where it is known."""

    watched: WatchedStrategy
    trigger: PriceTrigger
    price: Decimal
    tick_at: datetime | None
    seen_at: datetime

    def order(self) -> tuple[TriggerKind, Decimal]:
        """Return what crossings are sorted by: the kind's priority, then the farthest below its level.

        The distance is a part of the price: the danger the strategy is in.
        """
        return self.trigger.kind, (self.price - self.trigger.level) / self.price
