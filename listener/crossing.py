"""A stop that a price crosses."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.listener_ports import WatchedStrategy


@dataclass(frozen=True, slots=True)
class Crossing:
    """`price` is at or below the strategy's stop; `tick_at` is the exchange's time, where it is known."""

    watched: WatchedStrategy
    price: Decimal
    tick_at: datetime | None
    seen_at: datetime

    def depth(self) -> Decimal:
        """Return how far the price is below the stop, as a part of the price: the danger it is in."""
        return (self.watched.stop_loss - self.price) / self.price
