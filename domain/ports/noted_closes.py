"""The closes that were noted for series with absolute prices."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

from domain.adjusted_price import NotedClose, PricedSeries


class NotedCloses(Protocol):
    """Open series of all users, and the close noted last for each. Raises `StoreUnavailable`.

    What is taken is not taken again for a minute, by any process. A series whose prices are in question is
    neither noted nor compared until its user has answered by an edit, which also forgets its close.
    """

    async def take_to_note(self, day: date, most: int) -> Sequence[PricedSeries]:
        """Take at most `most` series whose close of `day` is not noted."""
        ...

    async def take_to_compare(self, day: date, before: date, most: int) -> Sequence[PricedSeries]:
        """Take series whose close of `before` is noted, and which are not compared on `day` yet."""
        ...

    async def to_compare(self, series_id: UUID, day: date, before: date) -> PricedSeries | None:
        """Return a series that `take_to_compare` would take, whenever it was taken last; else None."""
        ...

    async def note(self, series: PricedSeries, close: NotedClose) -> None:
        """Note a close in place of the one that was taken; an answer of the user that came between stands."""
        ...

    async def compared(self, series: PricedSeries, day: date, *, adjusted: bool) -> bool:
        """Write what a comparison on `day` has come to; False where one, or an answer, was written before."""
        ...
