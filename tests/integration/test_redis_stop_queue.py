"""The workers' queue on a real Valkey: what is put, in which order, and a server that goes away."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from adapters.redis.fast_stops import RedisFastStops
from adapters.redis.stop_queue import RedisStopQueue
from adapters.secrets.stop_signatures import StopSignatures
from domain.errors import CacheUnavailable
from domain.hit_stop import HitStop
from tests.valkey_process import ValkeyProcess

SIGNATURES = StopSignatures("-" * 43)
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


def hits(*strategy_ids: UUID) -> list[HitStop]:
    return [HitStop(one, Decimal("3499.95"), NOW) for one in strategy_ids or (uuid4(),)]


@pytest.fixture
async def queue(own_valkey: ValkeyProcess) -> AsyncIterator[RedisFastStops]:
    queue = RedisFastStops.connect(own_valkey.url, SIGNATURES)
    yield queue
    await queue.close()


async def test_each_stop_is_an_entry_with_its_fields_in_the_order_given(
    queue: RedisFastStops, redis: Redis
) -> None:
    many = [uuid4() for _ in range(1_000)]
    await queue.put(hits(*many))
    entries: Any = await redis.xrange("queue:orders")
    said = {"event": "STOPLOSS", "price": "3499.95", "at": str(int(NOW.timestamp() * 1000)), "peak": "-"}
    expected = [{"strategy_id": str(one), **said} for one in many]
    assert [{name: value for name, value in one.items() if name != "mac"} for _, one in entries] == expected
    assert len({fields["mac"] for _, fields in entries}) == len(many)


async def test_nothing_hit_puts_nothing(queue: RedisFastStops, redis: Redis) -> None:
    await queue.warm()
    await queue.put([])
    assert await redis.xlen("queue:orders") == 0


async def test_stream_that_nobody_reads_stays_bounded(queue: RedisFastStops, redis: Redis) -> None:
    many = [uuid4() for _ in range(10_000)]
    for _ in range(11):
        await queue.put(hits(*many))
    assert await redis.xlen("queue:orders") < 101_000


async def test_server_that_came_back_takes_the_next_stop(
    queue: RedisFastStops, own_valkey: ValkeyProcess
) -> None:
    await queue.put(hits())
    own_valkey.kill()
    with pytest.raises(CacheUnavailable):
        await queue.put(hits())
    await own_valkey.start()
    one = uuid4()
    await queue.put(hits(one))
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
                await queue.put(hits())
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)


async def test_what_no_worker_has_taken_is_counted(queue: RedisFastStops, own_valkey: ValkeyProcess) -> None:
    stops = RedisStopQueue.connect(own_valkey.url, "worker", SIGNATURES)
    try:
        assert await stops.waiting() == 0
        await queue.put(hits(uuid4(), uuid4(), uuid4()))
        assert await stops.waiting() == 3
        while not (await stops.take()).stops:
            pass  # the first look makes the group
        assert await stops.waiting() == 0
    finally:
        await stops.close()
