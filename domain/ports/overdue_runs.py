"""The runs that have not taken a step in time."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from domain.overdue import OverdueRun, StandingRun


class OverdueRuns(Protocol):
    """The runs that have not taken a step in time (`domain.overdue`). Raises `StoreUnavailable`."""

    async def overdue(self) -> Sequence[OverdueRun]:
        """Return the runs whose step is overdue, the longest first."""
        ...

    async def standing(self, worker: str) -> Sequence[StandingRun]:
        """Return the runs whose step it is now `worker`'s turn to take."""
        ...

    async def running(self, strategy_ids: Collection[UUID]) -> frozenset[UUID]:
        """Return those of these strategies that are still marked running."""
        ...

    async def tell(self, run: OverdueRun, text: str) -> bool:
        """Write the line into the timeline; False where it is there already, also by another worker."""
        ...
