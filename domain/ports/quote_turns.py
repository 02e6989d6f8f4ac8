"""Turns to ask the broker for prices."""

from collections.abc import Mapping
from typing import Protocol

from domain.quote import Quote
from domain.quote_turns import Asker, Told, Turn


class QuoteTurns(Protocol):
    """The turns of all accounts. Raises `StoreUnavailable`."""

    async def take(self, asker: Asker) -> Turn | Told:
        """Take the account's turn if it is free; else return what `look` returns."""
        ...

    async def look(self, asker: Asker) -> Told:
        """Return how long the turn lasts and the last answer, taking nothing."""
        ...

    async def give_back(self, turn: Turn, heard_after: float, prices: Mapping[str, Quote]) -> None:
        """End the turn `BETWEEN` from now, and share the answer.

        `heard_after` is the seconds between the turn's beginning and the answer, at least. Does nothing when
        the turn has passed to another process.
        """
        ...
