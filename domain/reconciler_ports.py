"""The reconciler's ports: rows and runs of all users, and whether the cache is still filled.

As in `domain.ports`: an empty answer means "there is none", never "I could not look".
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.limits import ToSell
from domain.operator_alerts import LeftOver, LoginNeeded
from domain.reconciler import DoubtfulOrder, Owned, RunningRow, Slice, SoldRow
from domain.run import StartRun


class CacheMark(Protocol):
    """A mark in the cache that is lost when the cache is. Raises `CacheUnavailable`."""

    async def stands(self) -> bool:
        """Tell whether this is the cache that was filled last: not flushed, restarted, or another one."""
        ...

    async def begin(self) -> str:
        """Mark the cache as being filled; return the token that `done` needs."""
        ...

    async def done(self, filling: str) -> None:
        """Set the mark, unless the cache was flushed, or filled by another process, since `begin`."""
        ...


class Reconciliation(Protocol):
    """The rows of all users that the reconciler compares."""

    async def owned(self, part: Slice, started_before: datetime) -> Sequence[Owned]:
        """Return a slice's strategies that are marked running and were started before that instant."""
        ...

    async def running(self, strategy_ids: Collection[UUID]) -> Sequence[RunningRow]:
        """Return those of these strategies that are marked running, with the START they were started by."""
        ...

    async def doubtful_orders(self) -> Sequence[DoubtfulOrder]:
        """Return the orders that no run follows and that are not over, while their market is open."""
        ...

    async def sold(self, before: datetime) -> Sequence[SoldRow]:
        """Return the running strategies that have held nothing since before that instant."""
        ...

    async def to_sell(self) -> Sequence[ToSell]:
        """Return the running strategies whose shares a kill switch orders to be sold."""
        ...


class Rounds(Protocol):
    """Records that the reconciler made a round. Raises `StoreUnavailable`."""

    async def round_ended(self) -> None:
        """Record that a round has just ended."""
        ...


class OperatorAlerts(Protocol):
    """What operators have to act on, of all users."""

    async def logins_needed(self, now: datetime) -> Sequence[LoginNeeded]:
        """Return the strategies that are due while their user's broker login is dead."""
        ...

    async def left_over(self) -> Sequence[LeftOver]:
        """Return the shares that stopped strategies still hold, not on purpose."""
        ...


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

    async def sell(self, workflow_id: str, run_id: str) -> bool:
        """Ask a run to stop and sell, without waiting for it; False where none is open any more."""
        ...

    async def tell_sold(self, workflow_id: str, run_id: str) -> None:
        """Tell a run that nothing is held any more; one that has ended is skipped."""
        ...

    async def adopt(self, start: StartRun) -> None:
        """Start a run that takes `start` over, unless one is open."""
        ...
