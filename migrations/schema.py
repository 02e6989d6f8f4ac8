"""Upgrades a database's schema to what this code expects, and checks it."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from adapters.postgres.all_tables import METADATA
from adapters.postgres.engine import asyncpg_url
from migrations.migration_errors import NewerDatabase, SchemaDiffers

TURNS = 7_389_201_114
"""Any number: two `migrate` at once take turns by it."""


async def upgrade(url: str) -> str:
    """Bring the schema to the newest revision this code knows, and return it. Raises `NewerDatabase`."""
    engine = create_async_engine(asyncpg_url(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": TURNS})
            return await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


async def downgrade(url: str) -> None:
    """Drop the whole schema with its data: for tests of the downgrades."""
    engine = create_async_engine(asyncpg_url(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_downgrade)
    finally:
        await engine.dispose()


async def check(url: str) -> None:
    """Compare migrations and tables; what it upgrades is rolled back. Raises `SchemaDiffers`."""
    engine = create_async_engine(asyncpg_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            differences = await connection.run_sync(_differences)
            await connection.rollback()
    finally:
        await engine.dispose()
    if differences:
        raise SchemaDiffers(differences)


def config() -> Config:
    """Return Alembic's configuration, found by the package: the same in a checkout and in a container."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def _upgrade(connection: Connection) -> str:
    made = config()
    script = ScriptDirectory.from_config(made)
    known = {revision.revision for revision in script.walk_revisions()}
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        raise NewerDatabase(found)
    made.attributes["connection"] = connection
    command.upgrade(made, "head")
    head = script.get_current_head()
    assert head is not None  # noqa: S101 - there is at least revision 0001
    return head


def _downgrade(connection: Connection) -> None:
    made = config()
    made.attributes["connection"] = connection
    command.downgrade(made, "base")


def _differences(connection: Connection) -> list[str]:
    _upgrade(connection)
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return [repr(difference) for difference in compare_metadata(context, METADATA)]
