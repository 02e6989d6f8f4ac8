"""Turns to read accounts that hold something, and what the readings found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from domain.account_state import AccountState, Claim, Finding, Shown, WaitingEntry


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """The right to read one account once, now. `at`: when it was taken, epoch seconds of the store's clock.

    `failing`: for how long the account could not be read, None while it can; `told`: an alert went out.
    """

    user_id: UUID
    account: str
    number: int
    at: float
    shown: Mapping[UUID, Shown] = field(default_factory=dict)
    failing: timedelta | None = None
    told: bool = False


class AccountReads(Protocol):
    """The accounts to be watched, over all processes. Raises `StoreUnavailable`."""

    async def note_holders(self) -> None:
        """Take up the accounts in which strategies hold shares; make those due that have sold since."""
        ...

    async def note_entries(self) -> None:
        """Make the accounts due whose entries are due soon and have no baseline yet."""
        ...

    async def take(self, most: int) -> Sequence[ReadTurn]:
        """Take the turns of at most `most` accounts that are due, each for this caller alone.

        A turn that is not given back is free again after a while.
        """
        ...

    async def state(self, turn: ReadTurn) -> AccountState:
        """Return what strategies hold and have sold lately in the account, and the entries that wait."""
        ...

    async def note(self, claim: Claim, finding: Finding) -> None:
        """Write a settled finding on its strategy, with its line; nothing where it holds something else now.

        Writing the same finding twice adds no second line.
        """
        ...

    async def note_baseline(self, entry: WaitingEntry, shares: int, holdings: int) -> None:
        """Store the user's own shares before a purchase, unless the entry was sent or they are known."""
        ...

    async def note_unread(self, turn: ReadTurn) -> None:
        """Write on the running strategies that hold shares in the account since when it cannot be read."""
        ...

    async def was_read(self, turn: ReadTurn, unsettled: Mapping[UUID, Shown], again: timedelta) -> None:
        """Give the turn back after a reading; the next is due in `again`, or at once where it moved."""
        ...

    async def failed(
        self, turn: ReadTurn, why: str, unsettled: Mapping[UUID, Shown], again: timedelta, *, told: bool
    ) -> None:
        """Give the turn back after a reading that failed. `told`: an alert went out for it."""
        ...

    async def leave(self, turn: ReadTurn) -> None:
        """Give the turn back for good: nothing is held in the account and nothing is waited for."""
        ...
