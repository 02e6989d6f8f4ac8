"""The rows of all users that the reconciler compares."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.limits import ToSell
from domain.reconciler import DoubtfulOrder, Owned, RunningRow, Slice, SoldRow, UnpricedOrder


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

    async def unpriced_orders(self) -> Sequence[UnpricedOrder]:
        """Return the filled orders of today without a price that are due to be read again."""
        ...

    async def sold(self, before: datetime) -> Sequence[SoldRow]:
        """Return the running strategies that have held nothing since before that instant."""
        ...

    async def to_sell(self) -> Sequence[ToSell]:
        """Return the running strategies whose shares a kill switch orders to be sold."""
        ...
