"""Renews the login of a stored broker account: opens its secret, asks the broker, stores the token."""

import base64
import binascii
from uuid import UUID

from adapters.kite.egress import Egress
from adapters.kite.login import KiteLogin, KiteSession, token_expiry
from adapters.postgres.credentials import Credentials, SealedKeys
from adapters.secrets.vault import Opener
from domain.broker_login import LoginKind, LoginRequest, LoginResult, LoginStatus
from domain.errors import BrokerRefused, LoginNeeded, SecretUnreadable, Unavailable
from domain.ports import Clock


class StoredLogins:
    """Implements `domain.ports.Logins` over the store, the vault and Kite."""

    def __init__(
        self, credentials: Credentials, opener: Opener, egress: Egress, kite: KiteLogin, clock: Clock
    ) -> None:
        self._credentials = credentials
        self._opener = opener
        self._egress = egress
        self._kite = kite
        self._clock = clock

    async def renew(self, request: LoginRequest) -> LoginResult:
        """Exchange or check the token and store the login; every failure is a result, never an exception."""
        try:
            return await self._renew(request)
        except (BrokerRefused, LoginNeeded) as refused:
            return LoginResult(LoginStatus.REJECTED, str(refused))
        except SecretUnreadable as unreadable:
            return LoginResult(LoginStatus.NOT_CONNECTED, f"{unreadable}: connect the broker again.")
        except Unavailable as away:
            return LoginResult(LoginStatus.UNAVAILABLE, str(away))

    async def _renew(self, request: LoginRequest) -> LoginResult:
        keys = await self._credentials.read(request.user_id)
        if keys is None:
            return LoginResult(LoginStatus.NOT_CONNECTED, "no broker account is connected")
        api_key = await self._open(keys.api_key, keys.user_id, "api_key")
        session = await self._session(keys, request, api_key)
        if session.broker_user_id != keys.broker_user_id:
            return LoginResult(LoginStatus.OTHER_USER, "this is a login of another broker account")
        proxies = self._egress.proxies_of(keys.user_id)
        return await self._store(
            keys, session, await self._kite.has_quotes(api_key, session.access_token, proxies)
        )

    async def _session(self, keys: SealedKeys, request: LoginRequest, api_key: str) -> KiteSession:
        token = await self._open(_bytes(request.sealed_token), request.user_id, request.kind)
        proxies = self._egress.proxies_of(keys.user_id)
        if request.kind is LoginKind.REQUEST_TOKEN:
            secret = await self._open(keys.api_secret, keys.user_id, "api_secret")
            return await self._kite.exchange(api_key, secret, token, proxies)
        profile = await self._kite.profile(api_key, token, proxies)
        return KiteSession(token, profile.broker_user_id, profile.user_name)

    async def _store(self, keys: SealedKeys, session: KiteSession, has_quotes: bool | None) -> LoginResult:
        sealed = self._opener.sealer().seal(session.access_token, user_id=keys.user_id, field="access_token")
        expires_at = token_expiry(self._clock.now())
        version = await self._credentials.store_login(
            keys.user_id,
            sealed,
            expires_at,
            broker_user_id=session.broker_user_id,
            user_name=session.user_name,
            has_quotes=has_quotes,
        )
        if version is None:
            return LoginResult(LoginStatus.NOT_CONNECTED, "the broker account was disconnected meanwhile")
        return LoginResult(LoginStatus.CONNECTED)

    async def _open(self, sealed: bytes, user_id: UUID, field: str) -> str:
        return await self._opener.open(sealed, user_id=user_id, field=field)


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text)
    except (ValueError, binascii.Error):
        raise SecretUnreadable("the sealed token is not base64url") from None
