"""Signals of the listener to the runs."""

from typing import Protocol

from domain.run import PriceHit
from domain.trigger import TriggerKind
from domain.watched_strategy import WatchedStrategy


class StopSignals(Protocol):
    """Signals to a strategy's run: STOPLOSS and TARGET, the durable path of a trigger, and SOLD."""

    async def hit(self, watched: WatchedStrategy, kind: TriggerKind, hit: PriceHit) -> bool:
        """Signal the run; False when no such run is open. Raises `Unavailable` when Temporal is away."""
        ...

    async def sold(self, watched: WatchedStrategy) -> bool:
        """Tell the run that nothing is held any more; False when no such run is open. Raises as above."""
        ...
