"""The workers' queue on a real Valkey: what is put, in which order, and a server that goes away."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from adapters.redis.fast_stops import RedisFastStops
from adapters.redis.stop_queue import RedisStopQueue
from domain.errors import CacheUnavailable
from tests.valkey_process import ValkeyProcess


@pytest.fixture
async def queue(own_valkey: ValkeyProcess) -> AsyncIterator[RedisFastStops]:
    queue = RedisFastStops.connect(own_valkey.url)
    yield queue
    await queue.close()


async def test_each_stop_is_an_entry_of_two_fields_in_the_order_given(
    queue: RedisFastStops, redis: Redis
) -> None:
    many = [uuid4() for _ in range(1_000)]
    await queue.put(many)
    entries: Any = await redis.xrange("queue:orders")
    assert [fields for _, fields in entries] == [
        {"strategy_id": str(one), "event": "STOPLOSS"} for one in many
    ]


async def test_nothing_hit_puts_nothing(queue: RedisFastStops, redis: Redis) -> None:
    await queue.warm()
    await queue.put([])
    assert await redis.xlen("queue:orders") == 0


async def test_stream_that_nobody_reads_stays_bounded(queue: RedisFastStops, redis: Redis) -> None:
    many = [uuid4() for _ in range(10_000)]
    for _ in range(11):
        await queue.put(many)
    assert await redis.xlen("queue:orders") < 101_000


async def test_server_that_came_back_takes_the_next_stop(
    queue: RedisFastStops, own_valkey: ValkeyProcess
) -> None:
    await queue.put([uuid4()])
    own_valkey.kill()
    with pytest.raises(CacheUnavailable):
        await queue.put([uuid4()])
    await own_valkey.start()
    one = uuid4()
    await queue.put([one])
    client = Redis.from_url(own_valkey.url, decode_responses=True)
    entries: Any = await client.xrange("queue:orders")
    assert [fields["strategy_id"] for _, fields in entries] == [str(one)]
    await client.aclose()


async def test_server_that_stands_still_is_given_up(queue: RedisFastStops, own_valkey: ValkeyProcess) -> None:
    await queue.warm()
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(5):
            with pytest.raises(CacheUnavailable):
                await queue.put([uuid4()])
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)


async def test_what_no_worker_has_taken_is_counted(queue: RedisFastStops, own_valkey: ValkeyProcess) -> None:
    stops = RedisStopQueue.connect(own_valkey.url, "worker")
    try:
        assert await stops.waiting() == 0
        await queue.put([uuid4() for _ in range(3)])
        assert await stops.waiting() == 3
        while not await stops.take():
            pass  # the first look makes the group
        assert await stops.waiting() == 0
    finally:
        await stops.close()
