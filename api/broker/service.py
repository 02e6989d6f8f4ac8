"""Connecting a broker account: checked at the broker, sealed, stored. Morning logins go to the worker."""

from dataclasses import dataclass, field
from uuid import UUID

from adapters.kite.login import token_expiry
from adapters.postgres.accounts import BrokerAccount, BrokerAccounts, SealedAccount
from adapters.postgres.starts import Starts
from adapters.postgres.strategies import Strategies
from adapters.secrets.vault import BROKER
from api.broker.schemas import BrokerOut, ConnectIn
from api.dependencies import Dependencies
from domain.audit import Action
from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded, SecretUnreadable, Unavailable
from domain.login import LoginKind, LoginStatus
from services.audit_trail import audit
from services.broker.refusals import (
    broker_away,
    not_connected,
    other_user,
    refusal_of,
    refuse_without_address,
    rejected,
)
from services.errors import Conflict, FieldError, Invalid
from services.strategies.start_window import START_LASTS


@dataclass(frozen=True, slots=True)
class _Login:
    """A login the broker has confirmed."""

    access_token: str = field(repr=False)
    broker_user_id: str
    user_name: str


async def connect(deps: Dependencies, user_id: UUID, asked: ConnectIn) -> BrokerAccount:
    """Connect with whatever combination of fields was given. Raises `Problem`s of the contract."""
    kind, token = _token(asked)
    refuse_without_address(deps.egress, user_id)
    if asked.api_key is not None and asked.api_secret is not None:
        login = await _confirmed(deps, user_id, asked.api_key, asked.api_secret, kind, token)
        return await _store(deps, user_id, asked.api_key, asked.api_secret, login)
    return await log_in_again(deps, user_id, kind, token)


async def log_in_again(deps: Dependencies, user_id: UUID, kind: LoginKind, token: str) -> BrokerAccount:
    """Let the worker, who can open the stored secret, use a token for a new login."""
    refuse_without_address(deps.egress, user_id)
    account = await account_of(deps, user_id)
    if account is None:
        raise not_connected()
    sealed = deps.sealer.seal(token, user_id=user_id, field=kind)
    try:
        result = await deps.broker_logins.login(user_id, kind, sealed)
    except Unavailable:
        raise broker_away() from None
    if result.status is not LoginStatus.CONNECTED:
        raise refusal_of(result, account)
    await _keep_login_key(deps, user_id, account)
    return await account_of(deps, user_id) or account


async def login_key_of(deps: Dependencies, user_id: UUID) -> str:
    """Return the api_key for the login link. Raises `Conflict`."""
    account = await account_of(deps, user_id)
    if account is None:
        raise not_connected()
    try:
        return deps.login_keys.open(account.login_key, user_id=user_id)
    except SecretUnreadable:
        raise Conflict(
            "connect_again",
            "This server's keys were changed since this account was connected. Connect it once more with "
            "api_key and api_secret: POST /broker/connect. Running strategies go on meanwhile.",
        ) from None


async def disconnect(deps: Dependencies, user_id: UUID) -> None:
    """Forget the account. Raises `Conflict` while a strategy runs or is being started: its exit needs it."""
    async with deps.store.work(user_id) as session:
        accounts = BrokerAccounts(session, user_id)
        if not await accounts.release():
            return
        # In this order: what begins between the two looks is seen by the second.
        starting = await Starts(session, user_id).any_under_way(START_LASTS)
        running = await Strategies(session, user_id).any_running()
        if not (starting or running):
            await accounts.delete()
            await audit(session, user_id, Action.BROKER_FORGET, BROKER)
    if starting and not running:
        raise Conflict(
            "strategy_running",
            "A strategy is being started and will need this account to sell: try again in a few seconds, or "
            "stop it first.",
        )
    if running:
        raise Conflict(
            "strategy_running", "A strategy is running and needs this account to sell: stop it first."
        )


async def account_of(deps: Dependencies, user_id: UUID) -> BrokerAccount | None:
    async with deps.store.read(user_id) as session:
        return await BrokerAccounts(session, user_id).get()


def shown(account: BrokerAccount | None, deps: Dependencies) -> BrokerOut:
    """Return the account as its user sees it: nothing secret."""
    if account is None:
        return BrokerOut(status="none")
    return BrokerOut(
        broker=account.broker,
        broker_user_id=account.broker_user_id,
        user_name=account.user_name,
        status="connected" if account.alive_at(deps.clock.now()) else "login_needed",
        connected_at=account.connected_at,
        token_expires_at=account.token_expires_at,
    )


async def _keep_login_key(deps: Dependencies, user_id: UUID, account: BrokerAccount) -> None:
    """Seal the login key again where an older secret sealed it: each morning's login moves some on."""
    try:
        renewed = deps.login_keys.renewed(account.login_key, user_id=user_id)
    except SecretUnreadable:
        return  # said where the key is needed; the login itself is good
    if renewed is not None:
        async with deps.store.work(user_id) as session:
            await BrokerAccounts(session, user_id).reseal_login_key(renewed)


def _token(asked: ConnectIn) -> tuple[LoginKind, str]:
    errors = []
    if asked.access_token is not None and asked.request_token is not None:
        errors.append(
            FieldError("request_token", "one_token", "give access_token or request_token, not both")
        )
    if asked.access_token is None and asked.request_token is None:
        errors.append(FieldError("access_token", "missing", "is required, or request_token instead of it"))
    for name, other in (("api_key", "api_secret"), ("api_secret", "api_key")):
        if getattr(asked, name) is None and getattr(asked, other) is not None:
            errors.append(FieldError(name, "missing", f"is required together with {other}"))
    if errors:
        raise Invalid(errors)
    if asked.request_token is not None:
        return LoginKind.REQUEST_TOKEN, asked.request_token
    return LoginKind.ACCESS_TOKEN, asked.access_token or ""


async def _confirmed(
    deps: Dependencies, user_id: UUID, api_key: str, api_secret: str, kind: LoginKind, token: str
) -> _Login:
    try:
        proxies = deps.egress.proxies_of(user_id)
        if kind is LoginKind.REQUEST_TOKEN:
            session = await deps.kite.exchange(api_key, api_secret, token, proxies)
            return _Login(session.access_token, session.broker_user_id, session.user_name)
        profile = await deps.kite.profile(api_key, token, proxies)
        return _Login(token, profile.broker_user_id, profile.user_name)
    except (LoginNeeded, BrokerRefused):
        raise rejected() from None
    except BrokerUnavailable:
        raise broker_away() from None


async def _store(
    deps: Dependencies, user_id: UUID, api_key: str, api_secret: str, login: _Login
) -> BrokerAccount:
    now = deps.clock.now()
    sealed = SealedAccount(
        broker=BROKER,
        broker_user_id=login.broker_user_id,
        user_name=login.user_name,
        api_key=deps.sealer.seal(api_key, user_id=user_id, field="api_key"),
        api_secret=deps.sealer.seal(api_secret, user_id=user_id, field="api_secret"),
        access_token=deps.sealer.seal(login.access_token, user_id=user_id, field="access_token"),
        login_key=deps.login_keys.seal(api_key, user_id=user_id),
        connected_at=now,
        token_expires_at=token_expiry(now),
    )
    async with deps.store.work(user_id) as session:
        accounts = BrokerAccounts(session, user_id)
        saved = await accounts.save(sealed)
        account = await accounts.get()
        if saved:
            await audit(session, user_id, Action.BROKER_CONNECT, f"{BROKER}:{login.broker_user_id}")
    if account is None:
        raise broker_away()
    if not saved:
        raise other_user(account)
    return account
