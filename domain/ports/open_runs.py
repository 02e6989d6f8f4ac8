"""The runs as Temporal has them."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.limits import LimitName
from domain.reconciler import Slice
from domain.run import StartRun


class OpenRuns(Protocol):
    """The runs as Temporal has them. Raises `Unavailable` when it does not answer."""

    async def open_ids(self, part: Slice) -> frozenset[str]:
        """Return the workflow ids of a slice that its list shows as open; the newest may be missing."""
        ...

    async def open_count(self, part: Slice, started_before: datetime) -> int:
        """Return how many runs of a slice, started before that instant, its list shows as open."""
        ...

    async def ended_since(self, instant: datetime) -> frozenset[UUID]:
        """Return the strategies of which a run was cut short after that instant, as far as its list knows."""
        ...

    async def is_open(self, workflow_id: str) -> bool:
        """Tell for certain whether a workflow of that id is open."""
        ...

    async def sell(
        self, workflow_id: str, run_id: str, limit: LimitName | None = None, *, by_operator: bool = False
    ) -> bool:
        """Ask a run to stop and sell, without waiting for it; False where none is open any more.

        `limit`: the limit of its account that says so, in place of a person. `by_operator`: that person is
        the operator, and not its user.
        """
        ...

    async def tell_sold(self, workflow_id: str, run_id: str) -> None:
        """Tell a run that nothing is held any more; one that has ended is skipped."""
        ...

    async def adopt(self, start: StartRun) -> None:
        """Start a run that takes `start` over, unless one is open."""
        ...

    async def begin(self, start: StartRun) -> None:
        """Start the run of a START that is written down, unless one is open."""
        ...

    async def tell_plan_anew(self, workflow_id: str, run_id: str) -> None:
        """Tell a run that waits that terms or calendar have changed; one that has ended is skipped."""
        ...
