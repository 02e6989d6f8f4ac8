"""The running strategies, for the listener."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain.watched_strategy import WatchedStrategy


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
