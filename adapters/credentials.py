"""Broker logins, opened: the vault over the sealed rows. Only the worker and the listener can do this."""

from uuid import UUID

from adapters.egress import Egress
from adapters.kite.accounts import KiteCredentials
from adapters.store.credentials import Credentials
from adapters.vault import Opener
from domain.errors import BrokerNotConnected


class VaultCredentials:
    """Implements `adapters.kite.accounts.Credentials`."""

    def __init__(self, stored: Credentials, opener: Opener, egress: Egress) -> None:
        self._stored = stored
        self._opener = opener
        self._egress = egress

    async def credentials(self, user_id: UUID) -> KiteCredentials:
        """Return the newest login, opened, and its way out.

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
            proxies=self._egress.proxies_of(user_id),
        )

    async def login_version(self, user_id: UUID) -> int | None:
        """Return the newest login's version, None when no account is stored."""
        return await self._stored.version(user_id)

    async def login_died(self, user_id: UUID, login_version: int) -> None:
        """Mark that login dead, unless a newer one is stored."""
        await self._stored.mark_dead(user_id, login_version)
