"""Sealed broker secrets, read and replaced for re-encryption while everybody goes on using them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import RowMapping, func, or_, select, text, update

from adapters.store.engine import Store
from adapters.store.tables import BrokerKeys

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
class SealedRow:
    """One user's sealed secrets by the column they stand in; those that are not there are left out."""

    user_id: UUID
    secrets: Mapping[str, bytes] = field(repr=False)


class SealedSecrets:
    """Every user's sealed secrets. Needs a role that may read and update all of `broker_keys`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def count(self) -> int:
        """Return how many accounts hold secrets."""
        async with self._store.read() as session:
            return int(await session.scalar(select(func.count()).select_from(BrokerKeys)) or 0)

    async def not_sealed_to(self, key_id: bytes, after: UUID | None, most: int) -> Sequence[SealedRow]:
        """Return the next accounts, by their ids, that hold a secret sealed to another key."""
        columns = [getattr(BrokerKeys, name) for name in FIELDS]
        waiting = or_(*(func.substring(column, *_KEY_ID) != key_id for column in columns))
        query = select(BrokerKeys.user_id, *columns).where(waiting).order_by(BrokerKeys.user_id).limit(most)
        if after is not None:
            query = query.where(BrokerKeys.user_id > after)
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [_row(row.user_id, row._mapping) for row in rows]

    async def one(self, user_id: UUID) -> SealedRow | None:
        """Return one account as it is now, None when it was disconnected."""
        columns = [getattr(BrokerKeys, name) for name in FIELDS]
        async with self._store.read() as session:
            row = (await session.execute(select(*columns).where(BrokerKeys.user_id == user_id))).one_or_none()
        return _row(user_id, row._mapping) if row is not None else None

    async def replace(self, found: SealedRow, renewed: Mapping[str, bytes]) -> bool:
        """Put the same secrets under another key; False when one of them is not what was read any more.

        A login that was stored meanwhile wins. Nothing else of the row changes, so that nobody takes the
        account for one with a new login.
        """
        unchanged = [getattr(BrokerKeys, name) == found.secrets[name] for name in renewed]
        change = update(BrokerKeys).where(BrokerKeys.user_id == found.user_id, *unchanged)
        async with self._store.work() as session:
            done = await session.scalar(change.values(**renewed).returning(BrokerKeys.user_id))
        return done is not None

    async def applications(self) -> tuple[Sequence[str], bool]:
        """Return the names under which our processes are connected, and whether all of them can be seen."""
        async with self._store.read() as session:
            names = (await session.execute(_KNOWS)).scalars().all()
            return sorted(names), bool(await session.scalar(_SEES_ALL))


def _row(user_id: UUID, columns: RowMapping) -> SealedRow:
    found: dict[str, bytes | None] = {name: columns[name] for name in FIELDS}
    return SealedRow(user_id, {name: blob for name, blob in found.items() if blob is not None})
