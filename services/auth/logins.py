"""Logging in, staying logged in, logging out: refresh tokens rotate, and a stolen one ends its login."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.account_mails import MailTokens
from adapters.postgres.accounts import Account, Accounts
from adapters.postgres.engine import set_for_now
from adapters.postgres.logins import Device, Login, Logins, UserLogins
from domain.audit import Action
from services.audit_trail import audit, recorded
from services.auth import second_factor
from services.auth.client_info import ClientInfo
from services.auth.dependencies import AuthDependencies
from services.auth.mail_links import ask_if_possible
from services.auth.password_choice import refuse_easy
from services.auth.tokens import ACCESS_LIFETIME, FAMILY_LIFETIME, ROTATION_GRACE, token_hash
from services.errors import Conflict, FieldError, Invalid, NotFound, Unauthorized

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """What a user logs in with; `code` where one-time codes are on."""

    email: str
    password: str = field(repr=False)
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """The tokens of a login; the access token expires in so many seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class _Opened:
    """A login with the refresh token that renews it; `ended` are logins that ended for it."""

    login: Login
    refresh_token: str = field(repr=False)
    ended: Sequence[UUID] = ()


async def register(deps: AuthDependencies, client: ClientInfo, email: str, password: str) -> IssuedTokens:
    """Create a user and log them in. Raises `Conflict`: e-mail taken, registration closed."""
    if not deps.registration:
        raise Conflict("registration_closed", "This server takes no new accounts. Ask its operator for one.")
    refuse_easy(password, email, "password")
    await deps.throttle.register(client)
    hashed = await deps.passwords.hash(password)
    async with deps.store.work() as session:
        user_id = await Accounts(session).add(email, hashed)
        opened = await _open(deps, session, user_id, client.device) if user_id else None
        if user_id:
            await ask_if_possible(session, email)
            await audit(session, user_id, Action.REGISTER)
    if opened is None:
        raise Conflict("email_taken", "An account with this e-mail exists: log in instead.")
    return _pair(deps, opened)


async def log_in(deps: AuthDependencies, client: ClientInfo, asked: LoginAttempt) -> IssuedTokens:
    """Open a new login. Raises `Unauthorized`, the same for an unknown e-mail; `TooMany`."""
    account, device = await _counted(deps, client, asked.email)
    right, renewed = await deps.passwords.check(asked.password, account.password_hash if account else None)
    if account is None or not right:
        await _refused(deps, account.user_id if account else None)
        raise _wrong_login()
    if account.second_factor:
        await _ask_for_code(deps, account, asked.code)
    try:
        async with deps.store.work(account.user_id) as session:
            opened = await _admit(deps, session, account, client.device, asked.code, renewed)
    except Unauthorized as refused:  # whose transaction is undone, so the line is one of its own
        await recorded(deps.store, account.user_id, Action.LOGIN_FAILED, why=refused.code)
        raise
    await deps.throttle.logged_in(asked.email, client, device)
    if account.second_factor:
        await deps.throttle.code_right(account.user_id)
    return _pair(deps, opened)


async def refresh(deps: AuthDependencies, client: ClientInfo, refresh_token: str) -> IssuedTokens:
    """Replace a refresh token. Raises `Unauthorized`; one that was replaced before ends its whole login."""
    await deps.throttle.refresh(refresh_token)
    async with deps.store.work() as session:
        # Returned, not raised: an exception would roll the end of a stolen login back.
        renewed, ended = await _rotate(deps, session, client.device, refresh_token)
    deps.revoked_logins.add(ended)
    if renewed is None:
        await deps.throttle.refresh_refused(client)
        raise Unauthorized("invalid_refresh_token", "This login has ended: log in again.")
    return _pair(deps, renewed)


async def change_password(
    deps: AuthDependencies, user_id: UUID, client: ClientInfo, current: str, new: str
) -> IssuedTokens:
    """Change the password, end every login of the user, and open a new one. Raises `Invalid`, `TooMany`."""
    account = await confirmed(deps, user_id, current, "current_password")
    if new == current:
        raise Invalid([FieldError("new_password", "same_password", "must differ from the current one")])
    refuse_easy(new, account.email, "new_password")
    hashed = await deps.passwords.hash(new)
    async with deps.store.work(user_id) as session:
        accounts = Accounts(session)
        if not await accounts.still_has(user_id, account.password_hash):
            raise _wrong_password("current_password")
        await accounts.change_hash(user_id, hashed)
        await MailTokens(session).end_all(user_id)
        ended = await UserLogins(session, user_id).end_all(deps.clock.now())
        opened = await _open(deps, session, user_id, client.device)
        await audit(session, user_id, Action.PASSWORD_CHANGED)
    deps.revoked_logins.add(ended)
    return _pair(deps, opened)


async def confirmed(deps: AuthDependencies, user_id: UUID, password: str, field: str = "password") -> Account:
    """Return the account of one who is logged in and knows its password. Raises `Invalid`, `TooMany`."""
    await deps.throttle.password(user_id)
    async with deps.store.read(user_id) as session:
        account = await Accounts(session).by_id(user_id)
    right, _ = await deps.passwords.check(password, account.password_hash if account else None)
    if account is None or not right:
        raise _wrong_password(field)
    await deps.throttle.password_right(user_id)
    return account


async def log_out(deps: AuthDependencies, user_id: UUID, refresh_token: str) -> None:
    """End the login of a refresh token of this user; any other token ends nothing."""
    now = deps.clock.now()
    ended: Sequence[UUID] = ()
    async with deps.store.work(user_id) as session:
        login = await Logins(session).locked(token_hash(refresh_token), now)
        if login is not None:
            ended = await UserLogins(session, user_id).end(login.login_id, now)
            await audit(session, user_id, Action.LOGOUT, str(login.login_id))
    deps.revoked_logins.add(ended)


async def sessions_of(deps: AuthDependencies, user_id: UUID) -> Sequence[Login]:
    """Return the user's open logins, the one used last first."""
    async with deps.store.read(user_id) as session:
        return await UserLogins(session, user_id).still_open(deps.clock.now())


async def end(deps: AuthDependencies, user_id: UUID, login_id: UUID) -> None:
    """End one login of the user, with its tokens. Raises `NotFound`."""
    async with deps.store.work(user_id) as session:
        ended = await UserLogins(session, user_id).end(login_id, deps.clock.now())
        if ended:
            await audit(session, user_id, Action.SESSION_REVOKED, str(login_id))
    if not ended:
        raise NotFound("session")
    deps.revoked_logins.add(ended)


async def end_all(deps: AuthDependencies, user_id: UUID) -> None:
    """End every login of the user, this one too."""
    async with deps.store.work(user_id) as session:
        ended = await UserLogins(session, user_id).end_all(deps.clock.now())
        await audit(session, user_id, Action.SESSION_REVOKED, "every login")
    deps.revoked_logins.add(ended)


async def _counted(
    deps: AuthDependencies, client: ClientInfo, email: str
) -> tuple[Account | None, UUID | None]:
    """Count a try; return the account, and the login of whose access token the client has one still."""
    earlier = deps.tokens.earlier_caller(client.bearer) if client.bearer else None
    if earlier is None:
        await deps.throttle.login(email, client)  # first: a flood of guesses is to cost Postgres nothing
    async with deps.store.read() as session:
        account, known = await Accounts(session).by_email(email, client.network)
    own = earlier is not None and account is not None and earlier.user_id == account.user_id
    device = earlier.login_id if earlier is not None and own else None
    if earlier is not None:
        await deps.throttle.login(email, client, device)
    if device is None and not known:
        await deps.throttle.stranger(email)
    return account, device


async def _refused(deps: AuthDependencies, user_id: UUID | None) -> None:
    """Record it with the same statements, known e-mail or not: the time of the answer does not tell which.

    (One statement less for an unknown e-mail was 0.3 ms, which 150 tries tell apart.)
    """
    async with deps.store.work() as session:
        await set_for_now(session, "app.user_id", str(user_id or ""))
        await audit(session, user_id, Action.LOGIN_FAILED)


async def _ask_for_code(deps: AuthDependencies, account: Account, code: str | None) -> None:
    if code is None:
        raise Unauthorized(
            "code_needed", "The password is right: send it again with the code of your authenticator app."
        )
    await deps.throttle.code(account.user_id)


async def _admit(
    deps: AuthDependencies,
    session: AsyncSession,
    account: Account,
    device: Device,
    code: str | None,
    renewed: str | None,
) -> _Opened:
    accounts = Accounts(session)
    if not await accounts.still_has(account.user_id, account.password_hash):
        raise _wrong_login()  # changed while this one was being checked
    if account.second_factor and not await second_factor.accepted(deps, session, account.user_id, code or ""):
        raise Unauthorized("wrong_code", "The code is not right, or was used before: wait for the next one.")
    if renewed is not None:
        await accounts.change_hash(account.user_id, renewed)
    opened = await _open(deps, session, account.user_id, device)
    await audit(session, account.user_id, Action.LOGIN, str(opened.login.login_id))
    return opened


async def _open(deps: AuthDependencies, session: AsyncSession, user_id: UUID, device: Device) -> _Opened:
    now = deps.clock.now()
    refresh_token = deps.tokens.refresh()
    login = await Logins(session).open(user_id, token_hash(refresh_token), now + FAMILY_LIFETIME, device, now)
    return _Opened(login, refresh_token, await UserLogins(session, user_id).make_room(now))


async def _rotate(
    deps: AuthDependencies, session: AsyncSession, device: Device, refresh_token: str
) -> tuple[_Opened | None, Sequence[UUID]]:
    """Return the login with its next token, or which logins have ended by this."""
    now = deps.clock.now()
    logins = Logins(session)
    login = await logins.opened(token_hash(refresh_token), now)
    token = await logins.token(token_hash(refresh_token)) if login else None
    if login is None or token is None:
        return None, ()
    await logins.used(login.login_id, device, now)
    if token.rotated_at is None:
        successor = deps.tokens.successors(refresh_token)[0]
        await logins.rotated(token.session_id, now)
        await logins.add_token(login.login_id, login.user_id, token_hash(successor), login.expires_at)
        return _Opened(login, successor), ()
    if now - token.rotated_at <= ROTATION_GRACE:
        for successor in deps.tokens.successors(refresh_token):
            if await _unused(logins, successor):
                return _Opened(login, successor), ()
    _log.warning("a refresh token was used again: its login ends", user_id=str(login.user_id))
    ended = await UserLogins(session, login.user_id).end(login.login_id, now)
    why = "a refresh token was used a second time: its login was ended"
    await audit(session, login.user_id, Action.REFRESH_REUSED, str(login.login_id), why)
    return None, ended


async def _unused(logins: Logins, refresh_token: str) -> bool:
    token = await logins.token(token_hash(refresh_token))
    return token is not None and token.rotated_at is None


def _wrong_login() -> Unauthorized:
    return Unauthorized("wrong_login", "E-mail or password is wrong.")


def _wrong_password(field: str) -> Invalid:
    return Invalid([FieldError(field, "wrong_password", "is not your password")])


def _pair(deps: AuthDependencies, opened: _Opened) -> IssuedTokens:
    deps.revoked_logins.add(opened.ended)
    login = opened.login
    return IssuedTokens(
        access_token=deps.tokens.access(login.user_id, login.login_id),
        refresh_token=opened.refresh_token,
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
    )
