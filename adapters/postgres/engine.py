"""Connects to Postgres: one engine per process, a unit of work that commits, reads that cannot write.

store = Store.open(url)
async with store.work() as session:   # committed at the end, rolled back on an error
    ...
async with store.read() as session:   # Postgres refuses to write in it
    ...
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import UUID

from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from adapters.postgres.failures import translated

CONNECT_SECONDS = 3.0
COMMAND_SECONDS = 4.0
POOL_SECONDS = 2.0

_SESSION_SETTINGS = {
    "timezone": "UTC",
    "jit": "off",
    # A frozen worker keeps its row locks; no other worker's exit may wait longer for them than this.
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "3s",
}


_ACT_AS = "SELECT set_config('app.user_id', $1, true)"
_SET = text("SELECT set_config(:name, :value, true)")
_NO_WAIT = text("SET LOCAL synchronous_commit = off")
_PROBE = text("UPDATE workers SET build_id = build_id WHERE name = :name")
_PROBE_NOTHING = text("DELETE FROM ended_logins WHERE false")  # refused all the same where nothing is written


async def act_as(database: AsyncSession | AsyncConnection, user_id: UUID | None) -> None:
    """Set the user of the rest of the transaction: Postgres shows the API's role no other user's rows.

    The setting ends with the transaction. After a commit, the same session sees no rows.
    """
    if user_id is not None:
        await set_for_now(database, "app.user_id", str(user_id))


async def set_for_now(database: AsyncSession | AsyncConnection, name: str, value: str) -> None:
    """Set a Postgres configuration parameter for the rest of the transaction."""
    await database.execute(_SET, {"name": name, "value": value})


class ReadSession(AsyncSession):
    """A session in a READ ONLY transaction: writing in it fails in Postgres."""


class Store:
    """The database as one role sees it. Every access can raise `StoreUnavailable`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._reading = engine.execution_options(postgresql_readonly=True)
        self._committing = engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def open(cls, url: str, *, pool_size: int = 5, application: str = "stopwatch") -> Self:
        """Prepare the pool; nothing is connected before the first use."""
        engine = create_async_engine(
            asyncpg_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=POOL_SECONDS,
            # The connection used last knows the statement already: prepared on each of ten, a stop-loss that
            # comes alone would meet one that does not, and wait 10 ms for Postgres to plan it.
            pool_use_lifo=True,
            pool_recycle=1800,
            connect_args={
                "timeout": CONNECT_SECONDS,
                "command_timeout": COMMAND_SECONDS,
                "server_settings": {**_SESSION_SETTINGS, "application_name": application},
            },
        )
        event.listen(engine.sync_engine, "checkout", _refuse_the_dead)
        return cls(engine)

    @asynccontextmanager
    async def work(self, user_id: UUID | None = None) -> AsyncIterator[AsyncSession]:
        """Give a session and commit it; an exception rolls back. Constraint violations pass unchanged.

        The API's role sees the rows of `user_id` only, and none without it.
        """
        async with (
            translated(),
            AsyncSession(self._engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            await act_as(session, user_id)
            yield session

    @asynccontextmanager
    async def read(self, user_id: UUID | None = None) -> AsyncIterator[ReadSession]:
        """Give a session that can only read, one snapshot a statement; `user_id` as in `work`."""
        async with translated(), ReadSession(self._reading, expire_on_commit=False) as session:
            await act_as(session, user_id)
            yield session

    @asynccontextmanager
    async def look(self, user_id: UUID) -> AsyncIterator[AsyncConnection]:
        """Give a read-only connection for the user's rows; it costs a third of a session's processor time."""
        async with translated(), self._reading.connect() as connection:
            # As text, past SQLAlchemy's compiler and result rows: 0.15 ms of each read.
            await connection.exec_driver_sql(_ACT_AS, (str(user_id),))
            yield connection

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection on which each statement commits by itself, in one round trip."""
        async with translated(), self._committing.connect() as connection:
            yield connection

    async def ping(self) -> None:
        """Return when Postgres answers."""
        async with self.statement() as connection:
            await connection.execute(text("SELECT 1"))

    async def probe(self, worker: str) -> None:
        """Return when Postgres takes what a worker writes: its own row, as it is."""
        async with self.work() as session:
            await session.execute(_NO_WAIT)
            await session.execute(_PROBE, {"name": worker})

    async def probe_write(self) -> None:
        """Return when Postgres is one that can be written to, for the API: no row is touched."""
        async with self.statement() as connection:
            await connection.execute(_PROBE_NOTHING)

    async def close(self) -> None:
        """Give the connections back."""
        await self._engine.dispose()


def _refuse_the_dead(connection: Any, record: Any, proxy: Any) -> None:
    """Have the pool replace a connection that the server has closed.

    The driver learns of that by itself, at once. SQLAlchemy's own `pool_pre_ping` asks the server instead, in
    a transaction of its own: three round trips before each use (0.6 of 1.6 ms of a small read).
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server closed this connection")


def asyncpg_url(url: str) -> URL:
    """Return a `postgresql://` address for SQLAlchemy's asyncpg driver; libpq's `sslmode` is `ssl` there."""
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    sslmode = parsed.query.get("sslmode")
    if sslmode is None:
        return parsed
    return parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": sslmode})
