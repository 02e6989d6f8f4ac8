"""The broker accounts of all users."""

from typing import Protocol
from uuid import UUID

from domain.ports.broker import Broker


class Brokers(Protocol):
    """The broker accounts of all users, opened when needed and kept warm."""

    async def of(self, user_id: UUID, account: str) -> Broker:
        """Return the user's account with its newest login. Raises `BrokerNotConnected`, `LoginNeeded`.

        `account` is the one an order belongs to; empty: the connected one. Raises `AccountNotConnected` where
        it is not the connected one: no other account is ever opened in its place.
        """
        ...

    async def login_died(self, user_id: UUID, broker: Broker) -> None:
        """Record that this login is dead, unless a newer one is stored already."""
        ...
