"""Users, their logins, and their broker accounts as the API sees them: sealed, never opened here."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.store.engine import act_as, set_for_now
from adapters.store.tables import BrokerKeys, RefreshSession, User


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the product. `email` is in lower case."""

    user_id: UUID
    email: str
    created_at: datetime
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """One refresh token's row: who it belongs to, and what became of it."""

    session_id: UUID
    user_id: UUID
    family_id: UUID
    token_hash: bytes = field(repr=False)
    expires_at: datetime
    rotated_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """A stored broker account without its secrets. `login_key` is the api_key for the login link, sealed."""

    broker: str
    broker_user_id: str
    user_name: str
    login_key: bytes = field(repr=False)
    login_dead: bool
    connected_at: datetime
    token_expires_at: datetime | None

    def alive_at(self, instant: datetime) -> bool:
        """Tell whether the stored login still holds at `instant`, as far as anybody knows now."""
        if self.login_dead or self.token_expires_at is None:
            return False
        return instant < self.token_expires_at


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """What is stored after a connection: identity in clear, secrets sealed for this user's row."""

    broker: str
    broker_user_id: str
    user_name: str
    api_key: bytes = field(repr=False)
    api_secret: bytes = field(repr=False)
    access_token: bytes = field(repr=False)
    login_key: bytes = field(repr=False)
    connected_at: datetime
    token_expires_at: datetime


class Accounts:
    """All users: found by e-mail only while nobody is logged in yet."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, email: str, password_hash: str) -> UUID | None:
        """Create a user and return its id; the unit of work goes on for it. None when the e-mail is taken."""
        user_id = uuid4()
        await act_as(self._session, user_id)
        statement = (
            insert(User)
            .values(user_id=user_id, email=email, password_hash=password_hash)
            .on_conflict_do_nothing(index_elements=[User.email])
            .returning(User.user_id)
        )
        return (await self._session.execute(statement)).scalar_one_or_none()

    async def by_email(self, email: str) -> Account | None:
        """Find who logs in. For the rest of the transaction this one account can be seen."""
        await set_for_now(self._session, "app.email", email)
        return await self._one(User.email == email)

    async def by_id(self, user_id: UUID) -> Account | None:
        return await self._one(User.user_id == user_id)

    async def change_hash(self, user_id: UUID, password_hash: str) -> None:
        """Store the same password under today's parameters."""
        await self._session.execute(
            update(User).where(User.user_id == user_id).values(password_hash=password_hash)
        )

    async def _one(self, condition: Any) -> Account | None:
        columns = (User.user_id, User.email, User.created_at, User.password_hash)
        row = (await self._session.execute(select(*columns).where(condition))).one_or_none()
        return Account(*row) if row else None


class Logins:
    """Refresh tokens. A token finds its own row; a family is one login and ends as one."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, login: Login) -> None:
        """Write a token's row unless it is there: two refreshes of one token make the same successor."""
        statement = insert(RefreshSession).values(
            session_id=login.session_id,
            user_id=login.user_id,
            family_id=login.family_id,
            token_hash=login.token_hash,
            expires_at=login.expires_at,
        )
        await self._session.execute(statement.on_conflict_do_nothing())

    async def locked(self, token_hash: bytes) -> Login | None:
        """Return the token's row, locked until the unit of work ends, in which it can be seen."""
        await set_for_now(self._session, "app.token", token_hash.hex())
        statement = select(RefreshSession).where(RefreshSession.token_hash == token_hash).with_for_update()
        row = (await self._session.execute(statement)).scalar_one_or_none()
        if row is None:
            return None
        return Login(**{name: getattr(row, name) for name in Login.__dataclass_fields__})

    async def opened(self, token_hash: bytes) -> Login | None:
        """Return the token's row, locked; the unit of work goes on for its user, who has shown who he is."""
        login = await self.locked(token_hash)
        if login is not None:
            await act_as(self._session, login.user_id)
        return login

    async def rotated(self, session_id: UUID, now: datetime) -> None:
        """Note that the token was used for its successor."""
        statement = update(RefreshSession).where(RefreshSession.session_id == session_id)
        await self._session.execute(statement.values(rotated_at=now))

    async def revoke_family(self, family_id: UUID, now: datetime) -> None:
        statement = update(RefreshSession).where(
            RefreshSession.family_id == family_id, RefreshSession.revoked_at.is_(None)
        )
        await self._session.execute(statement.values(revoked_at=now))

    async def forget_expired(self, user_id: UUID, now: datetime) -> None:
        statement = delete(RefreshSession).where(
            RefreshSession.user_id == user_id, RefreshSession.expires_at < now
        )
        await self._session.execute(statement)


class BrokerAccounts:
    """One user's broker account."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def get(self) -> BrokerAccount | None:
        statement = select(*ACCOUNT_COLUMNS).where(BrokerKeys.user_id == self._user_id)
        row = (await self._session.execute(statement)).one_or_none()
        return BrokerAccount(*row) if row else None

    async def save(self, account: SealedAccount) -> bool:
        """Store the account with a new login; False when another broker account is stored already."""
        values: dict[str, Any] = {
            name: getattr(account, name)
            for name in ("user_name", "api_key", "api_secret", "access_token", "login_key")
        }
        values |= {
            "connected_at": account.connected_at,
            "token_expires_at": account.token_expires_at,
            "login_dead": False,
        }
        new = insert(BrokerKeys).values(
            user_id=self._user_id, broker=account.broker, broker_user_id=account.broker_user_id, **values
        )
        statement = new.on_conflict_do_update(
            index_elements=[BrokerKeys.user_id],
            set_={**values, "login_version": BrokerKeys.login_version + 1},
            where=(BrokerKeys.broker == account.broker)
            & (BrokerKeys.broker_user_id == account.broker_user_id),
        ).returning(BrokerKeys.user_id)
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def delete(self) -> bool:
        """Forget the account; False when there was none."""
        result = await self._session.execute(delete(BrokerKeys).where(BrokerKeys.user_id == self._user_id))
        assert isinstance(result, CursorResult)  # noqa: S101
        return result.rowcount > 0


ACCOUNT_COLUMNS = (
    BrokerKeys.broker,
    BrokerKeys.broker_user_id,
    BrokerKeys.user_name,
    BrokerKeys.login_key,
    BrokerKeys.login_dead,
    BrokerKeys.connected_at,
    BrokerKeys.token_expires_at,
)
"""What a `BrokerAccount` is made of, in its order."""
