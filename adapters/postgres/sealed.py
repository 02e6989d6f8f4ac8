"""Reads and replaces sealed broker secrets, for re-encryption while they are in use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, or_, select, text, update

from adapters.postgres.engine import Store
from adapters.postgres.notification_tables import ChannelRow
from adapters.postgres.table_base import Base
from adapters.postgres.user_tables import BrokerKeys
from domain.notification import sealed_name

FIELDS = ("api_key", "api_secret", "access_token")
"""The columns of `broker_keys` that are sealed to the server's public key."""
_KEY_ID = (2, 8)
"""Where the key's id stands in a sealed secret: behind the version, for `substring`, which counts from 1."""
_KNOWS = text(
    "SELECT DISTINCT application_name FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name LIKE 'stopwatch %'"
)
_SEES_ALL = text("SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')")


@dataclass(frozen=True, slots=True)
class Place:
    """A table with sealed columns. `sealed_as` names what a column is bound to, beside its user."""

    words: str
    table: type[Base]
    key: str
    columns: tuple[str, ...]
    sealed_as: Callable[[UUID, str], str]
    remedy: str


ACCOUNTS = Place(
    "accounts", BrokerKeys, "user_id", FIELDS, lambda _, column: column, "let the user connect again"
)
CHANNELS = Place(
    "notice channels",
    ChannelRow,
    "channel_id",
    ("address", "secret"),
    sealed_name,
    "let the user set the channel up again",
)


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One row's sealed secrets by column; absent ones are left out."""

    row_id: UUID
    user_id: UUID
    secrets: Mapping[str, bytes] = field(repr=False)


class SealedSecrets:
    """Every user's sealed secrets in one table. Needs a role that may read and update all of them."""

    def __init__(self, store: Store, place: Place = ACCOUNTS) -> None:
        self._store = store
        self.place = place
        self._table = place.table
        self._key = getattr(place.table, place.key)
        self._secrets = [getattr(place.table, name) for name in place.columns]

    async def count(self) -> int:
        """Return how many rows hold secrets."""
        async with self._store.read() as session:
            return int(await session.scalar(select(func.count()).select_from(self._table)) or 0)

    async def not_sealed_to(self, key_id: bytes, after: UUID | None, most: int) -> Sequence[SealedRow]:
        """Return the next rows, by their keys, that hold a secret sealed to another key."""
        waiting = or_(*(func.substring(column, *_KEY_ID) != key_id for column in self._secrets))
        query = self._rows().where(waiting).order_by(self._key).limit(most)
        if after is not None:
            query = query.where(self._key > after)
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [self._row(row._mapping) for row in rows]

    async def one(self, row_id: UUID) -> SealedRow | None:
        """Return one row as it is now, None when it is gone."""
        async with self._store.read() as session:
            row = (await session.execute(self._rows().where(self._key == row_id))).one_or_none()
        return self._row(row._mapping) if row is not None else None

    async def replace(self, found: SealedRow, renewed: Mapping[str, bytes]) -> bool:
        """Store the same secrets under another key; False when one of them was changed since it was read.

        A login stored in between wins. Nothing else of the row changes, so that the account is not taken for
        one with a new login.
        """
        unchanged = [getattr(self._table, name) == found.secrets[name] for name in renewed]
        change = update(self._table).where(self._key == found.row_id, *unchanged)
        async with self._store.work() as session:
            done = await session.scalar(change.values(**renewed).returning(self._key))
        return done is not None

    def _rows(self) -> Any:
        user_id = getattr(self._table, "user_id")  # noqa: B009 - of a table that has one
        return select(self._key.label("row_id"), user_id.label("owner_id"), *self._secrets)

    def _row(self, found: RowMapping) -> SealedRow:
        secrets = {name: found[name] for name in self.place.columns if found[name] is not None}
        return SealedRow(found["row_id"], found["owner_id"], secrets)

    async def applications(self) -> tuple[Sequence[str], bool]:
        """Return the application names of all connections, and whether all of them are visible."""
        async with self._store.read() as session:
            names = (await session.execute(_KNOWS)).scalars().all()
            return sorted(names), bool(await session.scalar(_SEES_ALL))
