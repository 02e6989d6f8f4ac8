"""The Valkey that the contract suites of a process share."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.valkey_process import ValkeyProcess


@pytest.fixture(scope="session")
async def valkey() -> AsyncIterator[ValkeyProcess]:
    server = ValkeyProcess()
    await server.start()
    yield server
    server.remove()


@pytest.fixture
async def empty_valkey(valkey: ValkeyProcess) -> ValkeyProcess:
    """The same server with nothing in it."""
    async with Redis.from_url(valkey.url) as client:
        await client.flushall()
    return valkey
