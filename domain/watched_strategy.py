"""A running strategy as the listener knows it."""

from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from domain.strategy import Phase, Position
from domain.trigger import PriceTrigger, stop_at

AT_A_TIME = 200
"""Strategies looked through in one go: ticks do not wait for ten thousand of them."""


@dataclass(frozen=True, slots=True)
class WatchedStrategy:
    """A running strategy as the listener knows it. `mark` is the store's hash of all of it."""

    strategy_id: UUID
    user_id: UUID
    exchange: str
    symbol: str
    stop_loss: Decimal
    phase: Phase
    position: Position
    workflow_id: str
    run_id: str
    mark: int = field(default=0, compare=False)

    @property
    def instrument(self) -> str:
        return f"{self.exchange}:{self.symbol}"

    @property
    def triggers(self) -> tuple[PriceTrigger, ...]:
        """Return the levels at which a price makes it act."""
        return (stop_at(self.stop_loss),)

    @property
    def armed(self) -> bool:
        """Tell whether its triggers are to be watched: shares are held, and the user does not keep them."""
        return self.position is Position.BOUGHT
