"""The broker account that the prices of a strategy come from."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from domain.market_data import MarketData
from domain.watched_strategy import WatchedStrategy


class Accounts(Protocol):
    """The operator's decision which account's prices judge which user's stops."""

    @property
    def connections(self) -> int | None:
        """Return how many connections all listeners share; None where each account has one listener."""
        ...

    def shard(self, watched: WatchedStrategy) -> str:
        """Return what is shared among listeners as one."""
        ...

    def serving(self, user_id: UUID) -> MarketData:
        """Return the account whose prices judge this user's stops."""
        ...

    def holder(self, user_id: UUID) -> UUID | None:
        """Return the user whose own account `serving` gives; None where it is the operator's."""
        ...


class OneForAll:
    """The operator's own feed account serves every strategy; listeners share its instruments."""

    def __init__(self, account: MarketData) -> None:
        self._account = account

    @property
    def connections(self) -> int | None:
        return self._account.connections

    def shard(self, watched: WatchedStrategy) -> str:
        return watched.instrument

    def serving(self, user_id: UUID) -> MarketData:
        return self._account

    def holder(self, user_id: UUID) -> UUID | None:
        return None  # it hears of no user's orders


class EachTheirOwn:
    """No feed account: a user's own account serves that user's strategies and no others.

    The broker sells market data to the account's holder alone. Listeners share users, so that each account
    has one feed.
    """

    connections = None

    def __init__(self, open_account: Callable[[UUID], MarketData]) -> None:
        self._open = open_account
        self._accounts: dict[UUID, MarketData] = {}

    def shard(self, watched: WatchedStrategy) -> str:
        return str(watched.user_id)

    def serving(self, user_id: UUID) -> MarketData:
        account = self._accounts.get(user_id)
        if account is None:
            account = self._accounts[user_id] = self._open(user_id)
        return account

    def holder(self, user_id: UUID) -> UUID | None:
        return user_id
