"""Alembic's environment: uses the connection of `migrations.schema`, or opens its own."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from adapters.postgres.all_tables import METADATA
from adapters.postgres.engine import asyncpg_url


def run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=METADATA, compare_type=True, compare_server_default=True
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_on_own_connection() -> None:
    """Serve the `alembic` command itself, as in `alembic revision --autogenerate`."""
    engine = create_async_engine(asyncpg_url(os.environ["STOPWATCH_DATABASE_URL"]), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_on_own_connection())
