"""Reads sealed broker accounts for the worker and the listener; other modules open them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, bindparam, func, select, text, update

from adapters.postgres.audit import audit
from adapters.postgres.engine import Store
from adapters.postgres.user_tables import LOGIN_VERSIONS, BrokerKeys, account_name
from adapters.postgres.write_batcher import Batcher
from domain.audit import Action, AuditLine, Role

_OF_USERS = select(BrokerKeys.__table__).where(
    BrokerKeys.user_id == func.any(bindparam("ids", type_=ARRAY(Uuid)))
)


@dataclass(frozen=True, slots=True)
class SealedKeys:
    """A user's broker account. The sealed secrets are bound to the user and the field they are in."""

    user_id: UUID
    broker: str
    broker_user_id: str
    user_name: str
    api_key: bytes = field(repr=False)
    api_secret: bytes = field(repr=False)
    access_token: bytes | None = field(repr=False)
    login_version: int
    login_dead: bool
    token_expires_at: datetime | None

    @property
    def account(self) -> str:
        """The account's name: `zerodha:AB1234`."""
        return account_name(self.broker, self.broker_user_id)


@dataclass(frozen=True, slots=True)
class FeedLogin:
    """What a user's own price feed needs."""

    user_id: UUID
    api_key: bytes = field(repr=False)
    access_token: bytes | None = field(repr=False)
    login_version: int
    login_dead: bool


class Credentials:
    """The table `broker_keys`, for the worker's role. Reads that come in at one time share a query."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reads: Batcher[UUID, SealedKeys | None] = Batcher(self._read)

    async def read(self, user_id: UUID) -> SealedKeys | None:
        """Return the account, None when the user has connected none."""
        return await self._reads.add(user_id)

    async def mark_dead(self, user_id: UUID, login_version: int) -> bool:
        """Note that a login is dead; False when a newer one is stored, which it says nothing of."""
        change = (
            update(BrokerKeys)
            .where(BrokerKeys.user_id == user_id, BrokerKeys.login_version == login_version)
            .values(login_dead=True)
            .returning(BrokerKeys.user_id)
        )
        async with self._store.work() as session:
            return await session.scalar(change) is not None

    async def store_login(
        self,
        user_id: UUID,
        access_token: bytes,
        expires_at: datetime | None,
        *,
        broker_user_id: str,
        user_name: str,
        has_quotes: bool | None = None,
    ) -> int | None:
        """Store a new login's sealed token; return its version, None when there is no account any more.

        Only for the same broker account: another `broker_user_id` changes nothing and also returns None.
        """
        change = (
            update(BrokerKeys)
            .where(BrokerKeys.user_id == user_id, BrokerKeys.broker_user_id == broker_user_id)
            .values(
                access_token=access_token,
                token_expires_at=expires_at,
                user_name=user_name,
                login_version=LOGIN_VERSIONS.next_value(),
                login_dead=False,
                connected_at=func.now(),
                has_quotes=func.coalesce(has_quotes, BrokerKeys.has_quotes),
            )
            .returning(BrokerKeys.login_version)
        )
        async with self._store.work() as session:
            version: int | None = await session.scalar(change)
            if version is not None:
                await audit(session, _login_line(user_id, broker_user_id))
        return version

    async def _read(self, user_ids: Sequence[UUID], wait: bool) -> list[SealedKeys | None]:
        async with self._store.statement() as connection:  # one way there and back: a stop-loss waits for it
            rows = await connection.execute(_OF_USERS, {"ids": list(set(user_ids))})
            found = {row.user_id: _sealed(row) for row in rows}
        return [found.get(user_id) for user_id in user_ids]


class FeedLogins:
    """The view `feed_logins`: what the listener's role sees of broker accounts with a running strategy."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, user_id: UUID) -> FeedLogin | None:
        """Return what the user's own feed needs, None when nothing of theirs runs or no account is
        connected.
        """
        query = text(
            "SELECT user_id, api_key, access_token, login_version, login_dead FROM feed_logins "
            "WHERE user_id = :user_id"
        )
        async with self._store.read() as session:
            row = (await session.execute(query, {"user_id": user_id})).one_or_none()
        return FeedLogin(*row) if row is not None else None


def _login_line(user_id: UUID, broker_user_id: str) -> AuditLine:
    why = "a new login of the connected account, asked for by its user"
    return AuditLine(user_id, Action.BROKER_LOGIN, Role.WORKER, "worker", broker_user_id, why)


def _sealed(row: Row[Any]) -> SealedKeys:
    return SealedKeys(
        user_id=row.user_id,
        broker=row.broker,
        broker_user_id=row.broker_user_id,
        user_name=row.user_name,
        api_key=row.api_key,
        api_secret=row.api_secret,
        access_token=row.access_token,
        login_version=row.login_version,
        login_dead=row.login_dead,
        token_expires_at=row.token_expires_at,
    )
