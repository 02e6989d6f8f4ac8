"""The servers that the contract suites of a process share."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from adapters.temporal.connection import DATA_CONVERTER
from tests.valkey_process import ValkeyProcess
from workflows.client import SYMBOL, USER
from workflows.run_writes import PHASE


@pytest.fixture(scope="session")
async def valkey() -> AsyncIterator[ValkeyProcess]:
    async with ValkeyProcess() as server:
        yield server


@pytest.fixture
async def empty_valkey(valkey: ValkeyProcess) -> ValkeyProcess:
    """The same server with nothing in it."""
    async with Redis.from_url(valkey.url) as client:
        await client.flushall()
    return valkey


@pytest.fixture(scope="session")
async def temporal(temporal_binary: str) -> AsyncIterator[Client]:
    """A Temporal without workers: what is started stays open."""
    async with await WorkflowEnvironment.start_local(
        data_converter=DATA_CONVERTER,
        dev_server_existing_path=temporal_binary,
        search_attributes=[USER, SYMBOL, PHASE],
    ) as env:
        yield env.client


@pytest.fixture
async def no_temporal() -> Client:
    """A client of a Temporal that does not answer."""
    return await Client.connect("127.0.0.1:1", data_converter=DATA_CONVERTER, lazy=True)
