"""Stores users and their broker accounts for the API, which seals broker secrets and cannot open them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.engine import act_as, set_for_now
from adapters.postgres.user_tables import (
    LOGIN_VERSIONS,
    BrokerKeys,
    LoginRow,
    SecondFactorRow,
    User,
    account_name,
)


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the product. `email` is in lower case."""

    user_id: UUID
    email: str
    created_at: datetime
    password_hash: str = field(repr=False)
    second_factor: bool
    """One-time codes are asked for at login."""
    verified: bool
    """Its user has confirmed the e-mail address."""


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
    has_quotes: bool | None = None
    """Whether its app may ask for prices, as the last login found; None where that is not known."""

    def alive_at(self, instant: datetime) -> bool:
        """Tell whether the stored login is valid at `instant`, as far as is known now."""
        if self.login_dead or self.token_expires_at is None:
            return False
        return instant < self.token_expires_at


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """A new broker connection to store: identity in clear, secrets sealed for this user's row."""

    broker: str
    broker_user_id: str
    user_name: str
    api_key: bytes = field(repr=False)
    api_secret: bytes = field(repr=False)
    access_token: bytes = field(repr=False)
    login_key: bytes = field(repr=False)
    connected_at: datetime
    token_expires_at: datetime
    has_quotes: bool | None = None


class Accounts:
    """All users. Only the login looks one up by e-mail, before the user is known."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, email: str, password_hash: str) -> UUID | None:
        """Create a user and return its id; the unit of work continues as that user.

        None when the e-mail is taken.
        """
        user_id = uuid4()
        await act_as(self._session, user_id)
        statement = (
            insert(User)
            .values(user_id=user_id, email=email, password_hash=password_hash)
            .on_conflict_do_nothing(index_elements=[User.email])
            .returning(User.user_id)
        )
        return (await self._session.execute(statement)).scalar_one_or_none()

    async def by_email(self, email: str, network: str) -> tuple[Account | None, bool]:
        """Return the user, and whether a recent login of theirs came from `network`.

        Runs the same statements whether or not the e-mail is known, so that the response time reveals
        nothing. For the rest of the transaction this one account is visible.
        """
        from_there = (
            select(LoginRow.login_id)
            .where(LoginRow.user_id == User.user_id, LoginRow.network == network)
            .exists()
        )
        await set_for_now(self._session, "app.email", email)
        # One row in any case: fetching one is time, too.
        anyway = select(literal(1).label("one")).subquery()
        statement = select(*_ACCOUNT, from_there).select_from(anyway).outerjoin(User, User.email == email)
        row = (await self._session.execute(statement)).one()
        return (Account(*row[:-1]), bool(row[-1])) if row[0] is not None else (None, False)

    async def by_id(self, user_id: UUID) -> Account | None:
        """Return a user; None where there is none any more."""
        query = select(*_ACCOUNT).where(User.user_id == user_id, User.deleted_at.is_(None))
        row = (await self._session.execute(query)).one_or_none()
        return Account(*row) if row else None

    async def hold(self, user_id: UUID) -> bool:
        """Keep a user from being deleted until the unit of work ends; False where that has happened.

        Call it after what must not be added to a deleted user: a deletion takes its locks in the same order.
        """
        query = select(User.user_id).where(User.user_id == user_id, User.deleted_at.is_(None))
        return (
            await self._session.execute(query.with_for_update(read=True))
        ).scalar_one_or_none() is not None

    async def lock(self, user_id: UUID) -> str | None:
        """Return the user's e-mail, which cannot change before the unit of work ends; None once deleted."""
        query = select(User.email).where(User.user_id == user_id, User.deleted_at.is_(None))
        return (await self._session.execute(query.with_for_update(key_share=True))).scalar_one_or_none()

    async def verify(self, user_id: UUID) -> None:
        """Note that mail to the user's address reaches them."""
        now = func.coalesce(User.verified_at, func.clock_timestamp())
        await self._session.execute(update(User).where(User.user_id == user_id).values(verified_at=now))

    async def erase(self, user_id: UUID) -> None:
        """Take from a user's row what is personal; the row stays as the pseudonym of orders and days."""
        await self._session.execute(
            update(User)
            .where(User.user_id == user_id)
            .values(password_hash="", verified_at=None, deleted_at=func.clock_timestamp())
        )
        await self._session.execute(_ERASE_ADDRESS)  # which no role may write

    async def still_has(self, user_id: UUID, password_hash: str) -> bool:
        """Tell whether this is still the password; it cannot change before the unit of work ends."""
        statement = select(User.password_hash).where(User.user_id == user_id).with_for_update(key_share=True)
        return (await self._session.execute(statement)).scalar_one_or_none() == password_hash

    async def change_hash(self, user_id: UUID, password_hash: str) -> None:
        """Store another password, or the same under today's parameters."""
        await self._session.execute(
            update(User).where(User.user_id == user_id).values(password_hash=password_hash)
        )


class BrokerAccounts:
    """One user's broker account."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def get(self) -> BrokerAccount | None:
        statement = select(*ACCOUNT_COLUMNS).where(BrokerKeys.user_id == self._user_id)
        row = (await self._session.execute(statement)).one_or_none()
        return BrokerAccount(*row) if row else None

    async def hold(self) -> str | None:
        """Keep the account connected until the unit of work ends; return its name, None when there is none.

        Any number of STARTs can hold it at once, and logins proceed; only `release` waits.
        """
        query = select(BrokerKeys.broker, BrokerKeys.broker_user_id)
        query = query.where(BrokerKeys.user_id == self._user_id).with_for_update(key_share=True, read=True)
        row = (await self._session.execute(query)).one_or_none()
        return account_name(row.broker, row.broker_user_id) if row else None

    async def release(self) -> bool:
        """Wait until no START holds the account and prevent new holds; False when there is none."""
        query = select(BrokerKeys.user_id).where(BrokerKeys.user_id == self._user_id).with_for_update()
        return (await self._session.execute(query)).scalar_one_or_none() is not None

    async def reseal_login_key(self, login_key: bytes) -> None:
        """Store the same login key, sealed under today's key."""
        statement = update(BrokerKeys).where(BrokerKeys.user_id == self._user_id)
        await self._session.execute(statement.values(login_key=login_key))

    async def save(self, account: SealedAccount) -> bool:
        """Store the account with a new login; False when another broker account is stored already."""
        values: dict[str, Any] = {
            name: getattr(account, name)
            for name in ("user_name", "api_key", "api_secret", "access_token", "login_key")
        }
        values |= {
            "connected_at": account.connected_at,
            "token_expires_at": account.token_expires_at,
            "has_quotes": account.has_quotes,
            "login_dead": False,
            "login_version": LOGIN_VERSIONS.next_value(),
        }
        new = insert(BrokerKeys).values(
            user_id=self._user_id, broker=account.broker, broker_user_id=account.broker_user_id, **values
        )
        statement = new.on_conflict_do_update(
            index_elements=[BrokerKeys.user_id],
            set_=values
            | {
                "login_version": new.excluded.login_version,
                "has_quotes": func.coalesce(new.excluded.has_quotes, BrokerKeys.has_quotes),
            },
            where=(BrokerKeys.broker == account.broker)
            & (BrokerKeys.broker_user_id == account.broker_user_id),
        ).returning(BrokerKeys.user_id)
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def delete(self) -> bool:
        """Forget the account; False when there was none."""
        result = await self._session.execute(delete(BrokerKeys).where(BrokerKeys.user_id == self._user_id))
        assert isinstance(result, CursorResult)  # noqa: S101
        return result.rowcount > 0


_ERASE_ADDRESS = text("SELECT erase_address()")
_ACCOUNT = (
    User.user_id,
    User.email,
    User.created_at,
    User.password_hash,
    select(SecondFactorRow.user_id)
    .where(SecondFactorRow.user_id == User.user_id, SecondFactorRow.confirmed_at.is_not(None))
    .exists(),
    User.verified_at.is_not(None),
)
"""What an `Account` is made of, in its order."""
ACCOUNT_COLUMNS = (
    BrokerKeys.broker,
    BrokerKeys.broker_user_id,
    BrokerKeys.user_name,
    BrokerKeys.login_key,
    BrokerKeys.login_dead,
    BrokerKeys.connected_at,
    BrokerKeys.token_expires_at,
    BrokerKeys.has_quotes,
)
"""What a `BrokerAccount` is made of, in its order."""
