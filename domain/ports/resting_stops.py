"""The store of stops at the exchange: what is asked of them, beside the order log."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from domain.kept_stop import ExitAim, KeptStop, Protection
from domain.order import Attempt, LegKey, OrderTerms, Reason
from domain.resting_facts import Ended
from domain.run import SaleLine


class RestingStops(Protocol):
    """Stops at the exchange: what was asked of them, and whose they are to keep."""

    async def begin_exit(
        self,
        key: LegKey,
        aim: ExitAim,
        why: SaleLine | None = None,
        *,
        reason: Reason | None = None,
        over: bool = True,
    ) -> bool:
        """Write that the leg's shares are being sold, or released: no stop is placed for it from here on.

        `why` is the timeline's line where a stop rests that is to sell them; `reason` is why they are sold,
        also by a stop that the book shows changed though that was not written down. `over`: also where
        another aim was written before. Tells whether the aim is this one now.
        """
        ...

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, slice_: int) -> Attempt:
        """Write the intent of a slice unless the attempt exists; return the row that is there now."""
        ...

    async def change(
        self, attempt: Attempt, number: int, trigger: Decimal | None, reason: Reason, due_at: datetime
    ) -> bool:
        """Take the right to ask for the n-th change of an open stop; None: that it becomes a market order.

        `due_at`: when it is due, by which it may be late.

        False, and nothing is written, where another caller has taken it, the order is not open any more, the
        account has sent as much as it may for now, or the leg's aim forbids it: no trigger is moved once the
        exit has begun, and nothing that is released is sold.
        """
        ...

    async def refused(self, attempt: Attempt, number: int, *, used_up: bool) -> None:
        """Write that the broker refused a change; `used_up`: it takes no more of this order."""
        ...

    async def cancel_asked(self, attempt: Attempt) -> None:
        """Write that its cancellation is being asked for, unless that is written already."""
        ...

    async def ended(self, attempt: Attempt, why: Ended) -> None:
        """Write why it was cancelled; the first word stays."""
        ...

    async def kept_by(self, worker: str) -> Sequence[KeptStop]:
        """Return the holdings whose stops this worker keeps now: each has one living worker."""
        ...

    async def kept(self, strategy_id: UUID) -> KeptStop | None:
        """Return one holding, whichever worker keeps it; None where nothing is to be kept of it."""
        ...

    async def show(
        self, key: LegKey, shown: Protection, line: str, once: str, *, urgent: bool = False
    ) -> None:
        """Write where the stop lies now, and a line for the timeline where there is one.

        An `urgent` one reaches the user outside of the app as well.
        """
        ...
