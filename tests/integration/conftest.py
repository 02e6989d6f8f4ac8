"""What the integration tests share beside the servers."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from redis.asyncio import Redis
from sqlalchemy.engine import make_url

from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from migrations.roles import Role, make_roles
from services.auth.passwords import Passwords
from tests.valkey_process import ValkeyProcess


@pytest.fixture(scope="session")
def passwords() -> Iterator[Passwords]:
    """Argon2id with the smallest parameters: what it costs is the subject of tests of its own."""
    made = Passwords(hasher=PasswordHash([Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1)]))
    yield made
    made.close()


@pytest.fixture
async def redis(own_valkey: ValkeyProcess) -> AsyncIterator[Redis]:
    """A client of the test's own Valkey."""
    async with Redis.from_url(own_valkey.url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def as_listener(database: str) -> AsyncIterator[PostgresHeldStops]:
    """Held stops as the listener's role says them."""
    url = make_url(database).set(username=f"listener_{uuid4().hex[:8]}", password="listener's")
    await make_roles(database, [Role.of("listener", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield PostgresHeldStops(opened)
    await opened.close()


@pytest.fixture
async def as_worker(database: str) -> AsyncIterator[Store]:
    """The store as the worker's role sees it."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    await make_roles(database, [Role.of("worker", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield opened
    await opened.close()
