"""Ports of the API alone: last prices, news of timelines, health checks."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from domain.minute_price import MinutePrice
from services.ports import SymbolPrices


class LastPrices(SymbolPrices, Protocol):
    """The last prices the listener wrote down. Raises `CacheUnavailable`; what is not known is absent."""

    async def last_prices(self, strategy_ids: Iterable[UUID]) -> Mapping[UUID, Decimal]: ...

    async def minutes_of(self, strategy_id: UUID) -> list[MinutePrice]:
        """Return a strategy's price and stop of each minute that is kept, oldest first."""
        ...


Heard = Callable[[UUID | None], None]
"""Is called with the strategy that has new lines; with None where some may have been missed."""


class EventNotifier(Protocol):
    """News of timelines, as Postgres announces them. `dropped` counts announcements that were no ids."""

    @property
    def dropped(self) -> int: ...

    def subscribed(self, heard: Heard) -> AbstractContextManager[None]:
        """Call `heard` at each announcement while the context lasts."""
        ...


Check = Callable[[], Awaitable[object]]
"""Returns when a part answers; raises anything when it does not."""
