"""What the integration tests share beside the servers."""

from collections.abc import AsyncIterator, Iterator

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from redis.asyncio import Redis

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
