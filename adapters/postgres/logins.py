"""Stores logins: one row for each logged-in device, and its refresh tokens.

A login ends once, with all of its tokens: refresh tokens because every renewal locks the login's row first,
access tokens because `ended_logins` lists the login until the last of them has expired.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from adapters.postgres.engine import act_as, set_for_now
from adapters.postgres.user_tables import EndedLogin, LoginRow, RefreshSession

ENDED_KEPT = timedelta(hours=1)
"""How long `ended_logins` names a login: longer than any access token lives."""
MOST_LOGINS = 100
"""Open logins of one user; a further one ends the one that was used least lately."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where a login came from, as far as it is known."""

    address: str | None = None
    network: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """A login that has not ended."""

    login_id: UUID
    user_id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One refresh token's row. `rotated_at` is when it was first used for its successor."""

    session_id: UUID
    token_hash: bytes = field(repr=False)
    rotated_at: datetime | None


class Logins:
    """All logins: a refresh token finds its own."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open(
        self, user_id: UUID, token_hash: bytes, expires_at: datetime, device: Device, now: datetime
    ) -> Login:
        """Store a new login with its first refresh token, and return it."""
        login = Login(uuid4(), user_id, now, now, expires_at, device.address, device.agent)
        await self._session.execute(insert(LoginRow).values(**asdict(login), network=device.network))
        await self.add_token(login.login_id, user_id, token_hash, expires_at)
        return login

    async def add_token(self, login_id: UUID, user_id: UUID, token_hash: bytes, expires_at: datetime) -> None:
        """Write a token's row unless it exists: two refreshes of one token make the same successor."""
        row = insert(RefreshSession).values(
            session_id=uuid4(),
            user_id=user_id,
            family_id=login_id,
            token_hash=token_hash,
            expires_at=expires_at,
        )
        await self._session.execute(row.on_conflict_do_nothing())

    async def locked(self, token_hash: bytes, now: datetime) -> Login | None:
        """Return the login of a refresh token, locked until the unit of work ends; None once it is over.

        Every renewal, end or listing of a login takes this lock, so that they cannot interleave.
        """
        await set_for_now(self._session, "app.token", token_hash.hex())
        named = select(RefreshSession.family_id).where(RefreshSession.token_hash == token_hash)
        statement = (
            select(*_COLUMNS)
            .where(LoginRow.login_id == named.scalar_subquery(), *_open_at(now))
            .with_for_update()
        )
        row = (await self._session.execute(statement)).one_or_none()
        return Login(*row) if row else None

    async def opened(self, token_hash: bytes, now: datetime) -> Login | None:
        """Return the login locked; the unit of work continues as its user, whom the token identifies."""
        login = await self.locked(token_hash, now)
        if login is not None:
            await act_as(self._session, login.user_id)
        return login

    async def token(self, token_hash: bytes) -> RefreshToken | None:
        """Return a refresh token's row; call it while its login is locked."""
        columns = (RefreshSession.session_id, RefreshSession.token_hash, RefreshSession.rotated_at)
        found = await self._session.execute(select(*columns).where(RefreshSession.token_hash == token_hash))
        row = found.one_or_none()
        return RefreshToken(*row) if row else None

    async def rotated(self, session_id: UUID, now: datetime) -> None:
        """Record that the token was used for its successor."""
        statement = update(RefreshSession).where(RefreshSession.session_id == session_id)
        await self._session.execute(statement.values(rotated_at=now))

    async def used(self, login_id: UUID, device: Device, now: datetime) -> None:
        """Record when and from where a login was renewed."""
        statement = update(LoginRow).where(LoginRow.login_id == login_id)
        await self._session.execute(statement.values(last_used_at=now, **asdict(device)))


class UserLogins:
    """The logins of one user."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def still_open(self, now: datetime) -> Sequence[Login]:
        """Return them, the one used last first."""
        statement = (
            select(*_COLUMNS)
            .where(self._mine, *_open_at(now))
            .order_by(LoginRow.last_used_at.desc(), LoginRow.login_id)
        )
        return [Login(*row) for row in await self._session.execute(statement)]

    async def end(self, login_id: UUID, now: datetime) -> list[UUID]:
        """End one login and return its id; nothing where it is another user's, or over."""
        return await self._end(now, LoginRow.login_id == login_id, LoginRow.expires_at > now)

    async def end_all(self, now: datetime) -> list[UUID]:
        """End every login of the user; return their ids."""
        return await self._end(now)

    async def make_room(self, now: datetime) -> list[UUID]:
        """Delete expired logins, and end the least recently used beyond `MOST_LOGINS`; return their ids."""
        gone = delete(LoginRow).where(self._mine, LoginRow.expires_at < now)
        await self._session.execute(gone)
        newest = (
            select(LoginRow.login_id)
            .where(self._mine, LoginRow.ended_at.is_(None))
            .order_by(LoginRow.last_used_at.desc())
            .limit(MOST_LOGINS)
        )
        return await self._end(now, LoginRow.login_id.not_in(newest))

    async def erase(self) -> None:
        """Delete every login with its addresses and tokens; end them first, so that access tokens end too."""
        await self._session.execute(delete(LoginRow).where(self._mine))

    @property
    def _mine(self) -> Any:
        return LoginRow.user_id == self._user_id

    async def _end(self, now: datetime, *which: Any) -> list[UUID]:
        statement = (
            update(LoginRow)
            .where(self._mine, LoginRow.ended_at.is_(None), *which)
            .values(ended_at=now)
            .returning(LoginRow.login_id)
        )
        ended = list((await self._session.execute(statement)).scalars())
        if ended:
            names = insert(EndedLogin).values([{"login_id": login_id} for login_id in ended])
            await self._session.execute(names.on_conflict_do_nothing())
            old = delete(EndedLogin).where(EndedLogin.ended_at < func.clock_timestamp() - ENDED_KEPT)
            await self._session.execute(old)
        return ended


async def ended_within(connection: AsyncConnection, seconds: float) -> list[UUID]:
    """Return the logins of all users that ended in the last `seconds`, by the database's clock."""
    return list((await connection.execute(_ENDED, {"seconds": seconds})).scalars())


def _open_at(now: datetime) -> tuple[Any, ...]:
    return LoginRow.ended_at.is_(None), LoginRow.expires_at > now


_COLUMNS = (
    LoginRow.login_id,
    LoginRow.user_id,
    LoginRow.created_at,
    LoginRow.last_used_at,
    LoginRow.expires_at,
    LoginRow.address,
    LoginRow.agent,
)
"""What a `Login` is made of, in its order."""
_ENDED = select(EndedLogin.login_id).where(
    EndedLogin.ended_at > func.clock_timestamp() - text("make_interval(secs => :seconds)")
)
