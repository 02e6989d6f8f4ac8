"""Requests to read a user's accounts soon."""

from typing import Protocol
from uuid import UUID


class AccountMoves(Protocol):
    """Takes word of orders that moved. Raises `StoreUnavailable`."""

    async def moved(self, user_id: UUID) -> None:
        """Make the accounts of a user due to be read, where strategies hold shares in them."""
        ...

    async def own_moved(self, user_id: UUID) -> None:
        """Have the stops looked at that rest in a user's accounts: an order of the product moved there."""
        ...
