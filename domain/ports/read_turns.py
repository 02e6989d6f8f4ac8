"""Turns to read an account."""

from typing import Protocol


class ReadTurns(Protocol):
    """The turns of all accounts, over all processes. Raises `StoreUnavailable`."""

    async def take(self, account: str) -> float | None:
        """Take the account's next turn: the seconds until it comes. None: it is too far ahead, ask again.

        `account` is a mark that tells accounts apart (`domain.quote_turns.Asker`).
        """
        ...
