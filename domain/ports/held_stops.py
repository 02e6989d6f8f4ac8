"""The held stops, and when each was last named by a listener."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from domain.held_stop import HeldPrice, HeldStop


class HeldStops(Protocol):
    """Says and reads which held stops are watched (`domain.held_stop`). Raises `StoreUnavailable`."""

    async def name(self, strategy_ids: Collection[UUID]) -> None:
        """Say that the stops of these strategies are watched now; what is not held is left out."""
        ...

    async def raise_peaks(self, peaks: Mapping[UUID, Decimal]) -> None:
        """Write how high the price of these strategies was since their fill; none is ever lowered."""
        ...

    async def prices_wanted(self) -> frozenset[UUID]:
        """Return the strategies whose shares are to be priced: their accounts have a limit on the day."""
        ...

    async def say_prices(self, prices: Mapping[UUID, HeldPrice]) -> None:
        """Write the last prices of held shares and how old they are; a newer one is not replaced."""
        ...

    async def unwatched(self, longer_than: timedelta) -> Sequence[HeldStop]:
        """Return the held stops that no listener has named for so long, the longest first."""
        ...

    async def longest(self) -> timedelta | None:
        """Return how long ago the held stop was named that waits longest; None where none is held."""
        ...
