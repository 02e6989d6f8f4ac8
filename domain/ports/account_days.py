"""The days of the accounts that have a limit on them, and what is written of them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from domain.account_day import AccountDay, Breach, WrittenBreach


class AccountDays(Protocol):
    """What is judged, over all processes. Raises `StoreUnavailable`."""

    async def lead(self, worker: str) -> bool:
        """Take, or keep, the right to judge for a few seconds; False while another worker has it."""
        ...

    async def days(self, day: date) -> Sequence[AccountDay]:
        """Return the days to be judged: a limit is on them, and they hold something or changed lately."""
        ...

    async def breach(self, user_id: UUID, day: date, breach: Breach) -> datetime | None:
        """Write a breach; return when, or None where it was written before."""
        ...

    async def open_gap(self, user_id: UUID) -> bool:
        """Note that the user is told of a missing price; False where that is noted."""
        ...

    async def end_gap(self, user_id: UUID) -> None:
        """Note that no price of the user is missing any more."""
        ...

    async def untold(self) -> Sequence[WrittenBreach]:
        """Return the breaches whose users were not told, the oldest first, with the runs of their days."""
        ...

    async def tell(self, written: WrittenBreach, text: str) -> None:
        """Add the line to the timeline of each run of the day; one that is there is not added again."""
        ...

    async def told(self, written: WrittenBreach) -> None:
        """Note that the user was told of a breach."""
        ...
