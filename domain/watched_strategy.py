"""A running strategy as the listener knows it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.standing import Measured
from domain.strategy import Phase, Position
from domain.terms import PLAIN, Terms

AT_A_TIME = 200
"""Strategies looked through in one go: ticks do not wait for ten thousand of them."""


@dataclass(frozen=True, slots=True)
class WatchedStrategy:
    """A running strategy as the listener knows it. `mark` is the store's hash of all of it.

    `entry`, `peak` and `tick` are those of `domain.standing.Fills`; the peak is as it was last written, and
    its change alone is none of the strategy.
    """

    strategy_id: UUID
    user_id: UUID
    exchange: str
    symbol: str
    stop_loss: Decimal | None
    phase: Phase
    position: Position
    workflow_id: str
    run_id: str
    mark: int = field(default=0, compare=False)
    terms: Terms = PLAIN
    entry: Decimal | None = None
    tick: Decimal | None = None
    peak: Decimal | None = field(default=None, compare=False)
    peak_since: datetime | None = field(default=None, compare=False)
    """When the peak was last written, or the first share was filled: what came since may have been missed."""

    @property
    def instrument(self) -> str:
        return f"{self.exchange}:{self.symbol}"

    @property
    def armed(self) -> bool:
        """Tell whether its triggers are to be watched: shares are held, and the user does not keep them."""
        return self.position is Position.BOUGHT

    @property
    def measured(self) -> Measured:
        """Return what its stop and its target are measured by."""
        return Measured.of(self.stop_loss, self.terms, self.entry, self.tick)
