"""Connect a broker account: checked at the broker, sealed, stored. The worker does morning logins."""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from adapters.kite.egress import Egress
from adapters.kite.login import token_expiry
from adapters.postgres.accounts import Accounts, BrokerAccount, BrokerAccounts, SealedAccount
from adapters.postgres.engine import Store
from adapters.secrets.vault import BROKER, LoginKeyBox, Sealer
from domain.audit import Action
from domain.broker_login import LoginKind, LoginStatus
from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded, SecretUnreadable, Unavailable
from domain.ports import Clock
from services.audit_trail import audit
from services.broker.accounts import account_of
from services.broker.offered_login import OfferedLogin
from services.broker.refusals import (
    broker_away,
    not_connected,
    other_user,
    refusal_of,
    refuse_without_address,
    rejected,
)
from services.errors import Conflict, Unauthorized
from services.ports import BrokerLogins, KiteLogins


class BrokerName(NamedTuple):
    """Whose account a login opens."""

    broker_user_id: str
    user_name: str


@dataclass(frozen=True, slots=True)
class _Login:
    """A login the broker has confirmed, and the keys it is for."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    broker_user_id: str
    user_name: str
    has_quotes: bool | None
    """Whether it may ask for prices; None where that is not known."""


@dataclass(frozen=True, slots=True)
class BrokerConnection:
    """Connects accounts, and renews their logins."""

    store: Store
    kite: KiteLogins
    broker_logins: BrokerLogins
    egress: Egress
    sealer: Sealer
    login_keys: LoginKeyBox = field(repr=False)
    clock: Clock

    async def connect(self, user_id: UUID, offered: OfferedLogin) -> BrokerAccount:
        """Connect a new account, or renew the login of the connected one with a token alone.

        Raises `Invalid`, `Conflict`, `BrokerRejected` and `TryLater`.
        """
        kind, token = offered.token()
        if offered.api_key is None or offered.api_secret is None:
            return await self.renew(user_id, kind, token)
        refuse_without_address(self.egress, user_id)
        login = await self._confirm(user_id, offered.api_key, offered.api_secret, kind, token)
        return await self._save(user_id, login)

    async def renew(self, user_id: UUID, kind: LoginKind, token: str) -> BrokerAccount:
        """Let the worker, which can open the stored secret, use a token for a new login."""
        refuse_without_address(self.egress, user_id)
        account = await account_of(self.store, user_id)
        if account is None:
            raise not_connected()
        sealed = self.sealer.seal(token, user_id=user_id, field=kind)
        try:
            result = await self.broker_logins.login(user_id, kind, sealed)
        except Unavailable:
            raise broker_away() from None
        if result.status is not LoginStatus.CONNECTED:
            raise refusal_of(result, account)
        await self._reseal_login_key(user_id, account)
        return await account_of(self.store, user_id) or account

    async def login_url(self, user_id: UUID, state: str, api_key: str | None = None) -> str:
        """Return the broker's login page, which comes back with `state`. Raises `Conflict`.

        `api_key`: of an app that is connected for the first time; else that of the connected account.
        """
        if api_key is not None:
            return self.kite.login_url(api_key, state)
        account = await account_of(self.store, user_id)
        if account is None:
            raise not_connected()
        try:
            api_key = self.login_keys.open(account.login_key, user_id=user_id)
        except SecretUnreadable:
            raise Conflict(
                "connect_again",
                "This server's keys were changed since this account was connected. Connect it once more with "
                "api_key and api_secret: POST /broker/connect. Running strategies go on.",
            ) from None
        return self.kite.login_url(api_key, state)

    async def _confirm(
        self, user_id: UUID, api_key: str, api_secret: str, kind: LoginKind, token: str
    ) -> _Login:
        try:
            proxies = self.egress.proxies_of(user_id)
            if kind is LoginKind.REQUEST_TOKEN:
                session = await self.kite.exchange(api_key, api_secret, token, proxies)
                token, found = session.access_token, BrokerName(session.broker_user_id, session.user_name)
            else:
                profile = await self.kite.profile(api_key, token, proxies)
                found = BrokerName(profile.broker_user_id, profile.user_name)
            has_quotes = await self.kite.has_quotes(api_key, token, proxies)
            return _Login(api_key, api_secret, token, *found, has_quotes)
        except (LoginNeeded, BrokerRefused):
            raise rejected() from None
        except BrokerUnavailable:
            raise broker_away() from None

    async def _save(self, user_id: UUID, login: _Login) -> BrokerAccount:
        sealed = self._sealed(user_id, login)
        async with self.store.work(user_id) as session:
            accounts = BrokerAccounts(session, user_id)
            saved = await accounts.save(sealed)
            if not await Accounts(session).hold(user_id):
                raise Unauthorized  # the account was deleted since this call began
            account = await accounts.get()
            if saved:
                await audit(session, user_id, Action.BROKER_CONNECT, f"{BROKER}:{login.broker_user_id}")
        if account is None:
            raise broker_away()
        if not saved:
            raise other_user(account)
        return account

    def _sealed(self, user_id: UUID, login: _Login) -> SealedAccount:
        now = self.clock.now()
        return SealedAccount(
            broker=BROKER,
            broker_user_id=login.broker_user_id,
            user_name=login.user_name,
            api_key=self.sealer.seal(login.api_key, user_id=user_id, field="api_key"),
            api_secret=self.sealer.seal(login.api_secret, user_id=user_id, field="api_secret"),
            access_token=self.sealer.seal(login.access_token, user_id=user_id, field="access_token"),
            login_key=self.login_keys.seal(login.api_key, user_id=user_id),
            connected_at=now,
            token_expires_at=token_expiry(now),
            has_quotes=login.has_quotes,
        )

    async def _reseal_login_key(self, user_id: UUID, account: BrokerAccount) -> None:
        """Seal the login key again where an older secret sealed it: each morning's login moves some on."""
        try:
            renewed = self.login_keys.renewed(account.login_key, user_id=user_id)
        except SecretUnreadable:
            return  # said where the key is needed; the login itself is good
        if renewed is not None:
            async with self.store.work(user_id) as session:
                await BrokerAccounts(session, user_id).reseal_login_key(renewed)
