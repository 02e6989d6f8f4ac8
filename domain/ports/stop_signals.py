"""Signals of the listener to the runs."""

from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.watched_strategy import WatchedStrategy


class StopSignals(Protocol):
    """Signals to a strategy's run: STOPLOSS, the durable path of a stop, and SOLD."""

    async def stop_loss(
        self, watched: WatchedStrategy, price: Decimal, tick_at: datetime | None, seen_at: datetime
    ) -> bool:
        """Signal the run; False when no such run is open. Raises `Unavailable` when Temporal is away."""
        ...

    async def sold(self, watched: WatchedStrategy) -> bool:
        """Tell the run that nothing is held any more; False when no such run is open. Raises as above."""
        ...
