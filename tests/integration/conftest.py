"""One Postgres for all integration tests; each test that asks gets a database of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from adapters.postgres.engine import Store
from services.auth.passwords import Passwords
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    server = await PostgresServer.started()
    yield server
    await server.close()


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[str]:
    """The owner's URL of a migrated, empty database."""
    url = await postgres.new_database()
    yield url
    await postgres.drop(url)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = Store.open(database)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def passwords() -> Iterator[Passwords]:
    """Argon2id with the smallest parameters: what it costs is the subject of tests of its own."""
    made = Passwords(hasher=PasswordHash([Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)]))
    yield made
    made.close()
