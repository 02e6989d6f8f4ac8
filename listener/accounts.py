"""Which broker account the prices of a strategy come from."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from adapters.kite.feed_socket import Login, Receiver
from domain.listener_ports import WatchedStrategy
from listener.quote_requests import Quotes


@dataclass(frozen=True, slots=True)
class Account:
    """One account that serves prices: `login` opens its feed, `quotes` asks it over REST."""

    key: str
    login: Login
    quotes: Quotes


class Accounts(Protocol):
    """The operator's decision whose prices are used for whom."""

    shared: bool
    """One account serves everybody, so that several listeners share its connections."""

    def shard(self, watched: WatchedStrategy) -> str:
        """Return what is shared among listeners as one."""
        ...

    def serving(self, user_id: UUID) -> Account:
        """Return the account whose prices judge this user's stops."""
        ...


class OneForAll:
    """The operator's own feed account serves every strategy; listeners share its instruments."""

    shared = True

    def __init__(self, account: Account) -> None:
        self._account = account

    def shard(self, watched: WatchedStrategy) -> str:
        return watched.instrument

    def serving(self, user_id: UUID) -> Account:
        return self._account


class EachTheirOwn:
    """No feed account: a user's own account serves that user's strategies and nobody else's.

    The broker sells market data to the account's holder alone. Listeners share users, so that each account
    has one feed.
    """

    shared = False

    def __init__(self, open_account: Callable[[UUID], Account]) -> None:
        self._open = open_account
        self._accounts: dict[UUID, Account] = {}

    def shard(self, watched: WatchedStrategy) -> str:
        return str(watched.user_id)

    def serving(self, user_id: UUID) -> Account:
        account = self._accounts.get(user_id)
        if account is None:
            account = self._accounts[user_id] = self._open(user_id)
        return account


class PriceFeed(Protocol):
    """What a desk needs of a feed; `adapters.kite.feed.KiteFeed` is one."""

    @property
    def attempted(self) -> bool: ...

    @property
    def down(self) -> str | None:
        """Say why nothing comes, None while everything that is watched is connected."""
        ...

    @property
    def age(self) -> float | None:
        """Return the seconds since it was last heard; None while nothing is watched."""
        ...

    def use(self, sockets: int) -> None:
        """Have at most so many of the account's connections."""
        ...

    def watch(self, tokens: Collection[int]) -> None: ...

    def alive(self, token: int) -> bool: ...

    async def run(self) -> None: ...


OpenFeed = Callable[[Account, Receiver], PriceFeed]
