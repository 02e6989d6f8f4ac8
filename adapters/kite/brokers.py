"""Opens users' broker accounts with their newest login and caches them: implements `domain.ports.Brokers`."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from adapters.kite.broker import READ_SECONDS, KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.paced_quotes import Pace, PacedQuotes
from adapters.kite.shared_reads import ReadPace
from domain.errors import AccountNotConnected, BrokerNotConnected, LoginNeeded, Unavailable
from domain.ports import Broker, Clock

RECHECK_SECONDS = 0.5
"""How long a login counts as the newest without asking: an exit that waits for the user's morning login
takes it up within a second."""
LIVING_SECONDS = 5.0
"""The same for a login with which the broker has answered since: a thousand that are due at once would ask
Postgres a thousand times in the moment before their instant."""
ACCOUNTS = 2000


@dataclass(frozen=True, slots=True)
class KiteCredentials:
    """The credentials of one account. `login_version` is never reused; `dead`: the broker refused this login.

    `account` names it (`zerodha:AB1234`); empty where the process's role may not see that. `proxies` is the
    account's own egress path, as `requests` takes it: the broker accepts orders only from the addresses that
    the user registered.
    """

    api_key: str = field(repr=False)
    access_token: str = field(repr=False)
    login_version: int
    dead: bool = False
    account: str = ""
    proxies: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LoginName:
    """Identifies a stored login: its account and its number."""

    account: str
    version: int


class Credentials(Protocol):
    """Reads stored logins. Every method raises `StoreUnavailable` when it cannot look."""

    async def credentials(self, user_id: UUID) -> KiteCredentials:
        """Return the newest login, opened. Raises `BrokerNotConnected`, `SecretUnreadable`."""
        ...

    async def newest(self, user_id: UUID) -> LoginName | None:
        """Return which login is the newest without opening anything; None when nothing is stored."""
        ...

    async def login_died(self, user_id: UUID, login_version: int) -> None:
        """Mark that login dead, unless a newer one is stored."""
        ...


@dataclass(slots=True)
class _Account:
    """The cached login of one user. `checked_at` is monotonic; None: check before the next use."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    broker: KiteBroker | None = None
    name: str = ""
    dead: bool = False
    checked_at: float | None = None


class KiteBrokers:
    """Opens accounts on demand, keeps recently used ones open, and switches to new logins."""

    def __init__(
        self,
        credentials: Credentials,
        root: str,
        clock: Clock,
        pool: ConnectionPool,
        *,
        capacity: int = ACCOUNTS,
        read_seconds: float = READ_SECONDS,
        open_broker: Callable[..., KiteBroker] = KiteBroker,
        pace: Callable[[UUID, KiteCredentials], Pace] = lambda *_: PacedQuotes,
        reads: Callable[[UUID, KiteCredentials], Callable[[Clock], ReadPace]] = lambda *_: ReadPace,
    ) -> None:
        """`open_broker` makes an account from what `KiteBroker` takes.

        `pace` makes the pacing of its quotes, `reads` that of its other reads.
        """
        self._credentials = credentials
        self._root = root
        self._clock = clock
        self._pool = pool
        self._capacity = capacity
        self._read_seconds = read_seconds
        self._open_broker = open_broker
        self._pace = pace
        self._reads = reads
        self._accounts: OrderedDict[UUID, _Account] = OrderedDict()

    async def of(self, user_id: UUID, account: str) -> Broker:
        """Return the user's account with its newest login.

        Raises `BrokerNotConnected`, `LoginNeeded`, `AccountNotConnected`. While the store is away, the last
        known login is used, so that exits work without Postgres.
        """
        try:
            return await self._of(user_id, account)
        except BrokerNotConnected:
            if account:
                raise AccountNotConnected(account, None) from None
            raise

    async def _of(self, user_id: UUID, wanted: str) -> Broker:
        account = self._account(user_id)
        if not self._fresh(account, wanted):
            async with account.lock:
                if not self._fresh(account, wanted):
                    await self._refresh(user_id, account)
        if account.broker is not None and not _is(account, wanted):
            raise AccountNotConnected(wanted, account.name)
        if account.dead or account.broker is None:
            raise LoginNeeded("the broker login has ended: log in at the broker again")
        return account.broker

    async def login_died(self, user_id: UUID, broker: Broker) -> None:
        """Record that this login is dead, unless a newer one is stored already."""
        if not isinstance(broker, KiteBroker):
            return
        account = self._account(user_id)
        if account.broker is broker:
            account.dead, account.checked_at = True, None  # here at once, even if the store is away
        await self._credentials.login_died(user_id, broker.login_version)

    def close(self) -> None:
        """Close idle connections; the pool's owner closes the pool."""
        while self._accounts:
            self._close(self._accounts.popitem()[1])

    def _account(self, user_id: UUID) -> _Account:
        account = self._accounts.setdefault(user_id, _Account())
        self._accounts.move_to_end(user_id)
        while len(self._accounts) > self._capacity:
            self._close(self._accounts.popitem(last=False)[1])
        return account

    def _fresh(self, account: _Account, wanted: str) -> bool:
        broker, checked_at = account.broker, account.checked_at
        if checked_at is None:
            return False
        lives = broker is not None and not account.dead and broker.answered_at > checked_at
        lives = lives and _is(account, wanted)  # else the one that is wanted may be connected again by now
        return self._clock.monotonic() - checked_at < (LIVING_SECONDS if lives else RECHECK_SECONDS)

    async def _refresh(self, user_id: UUID, account: _Account) -> None:
        try:
            if account.broker is None or await self._is_newer(user_id, account.name, account.broker):
                self._open(user_id, account, await self._credentials.credentials(user_id))
        except BrokerNotConnected:
            self._close(account)
            account.broker, account.checked_at = None, None
            raise
        except Unavailable:
            if account.broker is None:
                raise
        account.checked_at = self._clock.monotonic()

    async def _is_newer(self, user_id: UUID, name: str, broker: KiteBroker) -> bool:
        return await self._credentials.newest(user_id) != LoginName(name, broker.login_version)

    def _open(self, user_id: UUID, account: _Account, found: KiteCredentials) -> None:
        self._close(account)
        client = KiteClient(found.api_key, found.access_token, self._root, self._pool, found.proxies)
        account.broker = self._open_broker(
            client,
            self._clock,
            found.login_version,
            self._read_seconds,
            self._pace(user_id, found),
            self._reads(user_id, found),
        )
        account.name, account.dead = found.account, found.dead

    @staticmethod
    def _close(account: _Account) -> None:
        if account.broker is not None:
            account.broker.close()


def _is(account: _Account, wanted: str) -> bool:
    return not wanted or account.name == wanted
