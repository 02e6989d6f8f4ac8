"""Opens stored broker logins with the vault, in the worker and the listener only."""

from uuid import UUID

from adapters.kite.brokers import KiteCredentials, LoginName
from adapters.kite.egress import Egress
from adapters.postgres.credentials import Credentials
from adapters.secrets.vault import Opener
from domain.errors import BrokerNotConnected


class VaultCredentials:
    """Implements `adapters.kite.brokers.Credentials`."""

    def __init__(self, stored: Credentials, opener: Opener, egress: Egress) -> None:
        self._stored = stored
        self._opener = opener
        self._egress = egress

    async def credentials(self, user_id: UUID) -> KiteCredentials:
        """Return the newest login, opened, with its egress path.

        Raises `BrokerNotConnected`, `SecretUnreadable`, `NoOwnAddress`.
        """
        keys = await self._stored.read(user_id)
        if keys is None:
            raise BrokerNotConnected("no broker account is connected")
        token = keys.access_token
        return KiteCredentials(
            api_key=await self._opener.open(keys.api_key, user_id=user_id, field="api_key"),
            access_token=await self._opener.open(token, user_id=user_id, field="access_token")
            if token
            else "",
            login_version=keys.login_version,
            dead=keys.login_dead or token is None,
            account=keys.account,
            proxies=self._egress.proxies_of(user_id),
        )

    async def newest(self, user_id: UUID) -> LoginName | None:
        """Return which login is the newest, None when no account is stored."""
        keys = await self._stored.read(user_id)
        return LoginName(keys.account, keys.login_version) if keys is not None else None

    async def login_died(self, user_id: UUID, login_version: int) -> None:
        """Mark that login dead, unless a newer one is stored."""
        await self._stored.mark_dead(user_id, login_version)
