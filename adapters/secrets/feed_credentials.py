"""Opens users' own logins for the listener: while a strategy of theirs runs, and without the API secret."""

from uuid import UUID

from adapters.kite.brokers import KiteCredentials, LoginName
from adapters.kite.egress import Egress
from adapters.postgres.credentials import FeedLogins
from adapters.secrets.vault import Opener
from domain.errors import BrokerNotConnected


class FeedCredentials:
    """Implements `adapters.kite.brokers.Credentials` for the listener's role, which only reads."""

    def __init__(self, stored: FeedLogins, opener: Opener, egress: Egress) -> None:
        self._stored = stored
        self._opener = opener
        self._egress = egress

    async def credentials(self, user_id: UUID) -> KiteCredentials:
        """Return the newest login, opened.

        Raises `BrokerNotConnected`, `SecretUnreadable`, `NoOwnAddress`.
        """
        login = await self._stored.read(user_id)
        if login is None:
            raise BrokerNotConnected("no broker account is connected, or nothing of this user runs")
        token = login.access_token
        return KiteCredentials(
            api_key=await self._opener.open(login.api_key, user_id=user_id, field="api_key"),
            access_token=await self._opener.open(token, user_id=user_id, field="access_token")
            if token
            else "",
            login_version=login.login_version,
            dead=login.login_dead or token is None,
            proxies=self._egress.proxies_of(user_id),
        )

    async def newest(self, user_id: UUID) -> LoginName | None:
        """Return which login is the newest, None when no account is visible; its owner is not shown."""
        login = await self._stored.read(user_id)
        return None if login is None else LoginName("", login.login_version)

    async def login_died(self, user_id: UUID, login_version: int) -> None:
        """Do nothing: the worker detects it itself, and the listener's role may not write."""
