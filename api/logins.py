"""Logging in, staying logged in, logging out: refresh tokens rotate, and a stolen one ends its family."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.store.accounts import Accounts, Login, Logins
from api.errors import Conflict, Unauthorized
from api.parts import Parts
from api.recording import audit, recorded
from api.schemas import TokenPair
from api.tokens import ACCESS_LIFETIME, FAMILY_LIFETIME, ROTATION_GRACE, token_hash
from domain.audit import Action


@dataclass(frozen=True, slots=True)
class _Renewed:
    user_id: UUID
    refresh_token: str


async def register(parts: Parts, email: str, password: str) -> TokenPair:
    """Create a user and log it in. Raises `Conflict` when the e-mail is taken."""
    hashed = await parts.passwords.hash(password)
    async with parts.store.work() as session:
        user_id = await Accounts(session).add(email, hashed)
        refresh_token = await _open_family(parts, session, user_id) if user_id else ""
        if user_id:
            await audit(session, user_id, Action.REGISTER)
    if user_id is None:
        raise Conflict("email_taken", "An account with this e-mail exists: log in instead.")
    return _pair(parts, user_id, refresh_token)


async def log_in(parts: Parts, email: str, password: str) -> TokenPair:
    """Open a new family of tokens. Raises `Unauthorized`, the same for an unknown e-mail."""
    async with parts.store.read() as session:
        account = await Accounts(session).by_email(email)
    right, renewed = await parts.passwords.check(password, account.password_hash if account else None)
    if account is None or not right:
        # Known e-mail or not, the same work: how long the answer takes tells nobody which it was.
        await recorded(parts, account.user_id if account else None, Action.LOGIN_FAILED)
        raise Unauthorized("wrong_login", "E-mail or password is wrong.")
    async with parts.store.work() as session:
        if renewed is not None:
            await Accounts(session).change_hash(account.user_id, renewed)
        await Logins(session).forget_expired(account.user_id, parts.clock.now())
        refresh_token = await _open_family(parts, session, account.user_id)
        await audit(session, account.user_id, Action.LOGIN)
    return _pair(parts, account.user_id, refresh_token)


async def refresh(parts: Parts, refresh_token: str) -> TokenPair:
    """Replace a refresh token. Raises `Unauthorized`; one that was replaced before ends its whole family."""
    async with parts.store.work() as session:
        renewed = await _rotate(parts, session, refresh_token)
    if renewed is None:
        raise Unauthorized("invalid_refresh_token", "This login has ended: log in again.")
    return _pair(parts, renewed.user_id, renewed.refresh_token)


async def log_out(parts: Parts, user_id: UUID, refresh_token: str) -> None:
    """End the family of a refresh token of this user; any other token ends nothing."""
    async with parts.store.work() as session:
        logins = Logins(session)
        login = await logins.locked(token_hash(refresh_token))
        if login is not None and login.user_id == user_id:
            await logins.revoke_family(login.family_id, parts.clock.now())
            await audit(session, user_id, Action.LOGOUT, str(login.family_id))


async def _rotate(parts: Parts, session: AsyncSession, refresh_token: str) -> _Renewed | None:
    # Returned, not raised: an exception would roll the revocation back.
    logins, now = Logins(session), parts.clock.now()
    login = await logins.locked(token_hash(refresh_token))
    if login is None or login.revoked_at is not None or login.expires_at <= now:
        return None
    successor = parts.tokens.successor(refresh_token)
    if login.rotated_at is None:
        await logins.rotated(login.session_id, now)
        await logins.add(_login(login.user_id, login.family_id, successor, login.expires_at))
        return _Renewed(login.user_id, successor)
    if now - login.rotated_at <= ROTATION_GRACE and await _unused(logins, successor):
        return _Renewed(login.user_id, successor)
    await logins.revoke_family(login.family_id, now)
    why = "a refresh token was used a second time: its login was ended"
    await audit(session, login.user_id, Action.REFRESH_REUSED, str(login.family_id), why)
    return None


async def _unused(logins: Logins, refresh_token: str) -> bool:
    login = await logins.locked(token_hash(refresh_token))
    return login is not None and login.rotated_at is None and login.revoked_at is None


async def _open_family(parts: Parts, session: AsyncSession, user_id: UUID) -> str:
    refresh_token = parts.tokens.refresh()
    expires_at = parts.clock.now() + FAMILY_LIFETIME
    await Logins(session).add(_login(user_id, uuid4(), refresh_token, expires_at))
    return refresh_token


def _login(user_id: UUID, family_id: UUID, refresh_token: str, expires_at: datetime) -> Login:
    return Login(uuid4(), user_id, family_id, token_hash(refresh_token), expires_at)


def _pair(parts: Parts, user_id: UUID, refresh_token: str) -> TokenPair:
    return TokenPair(
        access_token=parts.tokens.access(user_id),
        refresh_token=refresh_token,
        token_type="bearer",  # noqa: S106 - the kind of token, not a secret
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
    )
