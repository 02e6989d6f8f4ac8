"""The runtime state of strategies in Redis."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from domain.strategy import Position, Status, Strategy


@dataclass(frozen=True, slots=True)
class RuntimeUpdate:
    """Fields of `runtime:{id}` to set; None leaves a field as it is."""

    position: Position | None = None
    last_price: Decimal | None = None
    last_buy_order: str | None = None
    last_sell_order: str | None = None


class RuntimeCache(Protocol):
    """Redis: the runtime state with the seed's keys. No order is decided by it."""

    async def load(self, strategy: Strategy, status: Status, position: Position) -> None:
        """Create `strategy:{id}`, `runtime:{id}` and the entry in `symbol:{symbol}:strategies`."""
        ...

    async def update(self, strategy_id: UUID, update: RuntimeUpdate) -> None:
        """Set fields of `runtime:{id}` where that key exists: a stopped strategy is not restored."""
        ...

    async def drop(self, strategy: Strategy) -> None:
        """Delete the strategy's keys and its entry in the symbol's set."""
        ...

    async def differing(self, positions: Mapping[UUID, Position]) -> frozenset[UUID]:
        """Return the strategies without `runtime:{id}`, and those whose position there is another one.

        The cache was flushed, came back empty, or refused what was to be written for a while.
        """
        ...

    async def lock(self, strategy_id: UUID, owner: str, seconds: float) -> bool:
        """Take `lock_state` for `owner`; True when it is held now, also when it was held already."""
        ...

    async def unlock(self, strategy_id: UUID, owner: str) -> None:
        """Release the lock if `owner` still has it."""
        ...
