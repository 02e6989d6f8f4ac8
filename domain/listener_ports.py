"""Ports of the listener: the watch list, where a hit stop goes, and the listeners that share the watch.

What holds for `domain.ports` holds here: an empty answer means "there is none", never "I could not look".
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.strategy import Phase, Position
from domain.trigger import PriceTrigger, stop_at


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


@dataclass(frozen=True, slots=True)
class Digest:
    """How many strategies run, and the sum of their marks: the same sum means the same strategies."""

    count: int
    marks: int


class WatchList(Protocol):
    """Running strategies of all users, for the listener's role only."""

    async def all(self) -> Sequence[WatchedStrategy]:
        """Return every running strategy."""
        ...

    async def some(self, strategy_ids: Collection[UUID]) -> Sequence[WatchedStrategy]:
        """Return those of them that run; the others do not."""
        ...

    async def digest(self) -> Digest:
        """Return what `all` would add up to, without reading it."""
        ...

    def changes(self) -> AsyncIterator[UUID | None]:
        """Yield the id of each strategy that changed; None says that some may have been missed: read all.

        Ends with `StoreUnavailable` when the connection is lost.
        """
        ...


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


class FastStops(Protocol):
    """The fast path of a stop-loss: the queue from which workers send exits at once. It may lose them."""

    async def put(self, strategy_ids: Sequence[UUID]) -> None:
        """Put one STOPLOSS each, in this order, together. Raises `CacheUnavailable`: some may be put then."""
        ...


class Standing(StrEnum):
    """How far a listener is with its share of the instruments."""

    JOINING = "joining"
    READY = "ready"
    TAKING_OVER = "taking_over"
    """Ready, but not yet with what a listener that leaves still watches."""
    LEAVING = "leaving"


class Membership(Protocol):
    """The listeners that live, by leases that each renews."""

    async def renew(self, member: str, standing: Standing, seconds: float) -> Mapping[str, Standing]:
        """Hold a lease for `seconds` and return all that are held now. Raises `CacheUnavailable`."""
        ...

    async def leave(self, member: str) -> None:
        """End a lease. Raises `CacheUnavailable`."""
        ...
