"""One tenant's streams cost the others nothing: bounded by user, read once for all, never waited for.

How long others wait is a figure of `python -m bench noisy_tenant`; here it is counted what is read
and what is refused.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.notify_listener import EVENT_ADDED, NotifyListener
from api.app import create_app
from api.http.event_notifier import PostgresEventNotifier
from api.http.stream_gate import REFUSED_LATE
from api.strategies.live_timelines import KEPT, LiveTimelines
from services.auth.passwords import Passwords
from services.bounds import Bounds
from tests.api_world import Customer, World, new_world
from tests.attacks.tenants import quick_passwords
from tests.event_streams import following, say, served


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    made = quick_passwords()
    yield made
    made.close()


@pytest.fixture
async def world(store: Store, database: str, passwords: Passwords) -> AsyncIterator[World]:
    notifier = PostgresEventNotifier(NotifyListener(database), EVENT_ADDED)
    listening = asyncio.create_task(notifier.listen())
    yield new_world(store, passwords, event_notifier=notifier)
    while not listening.done():
        listening.cancel()
        await asyncio.wait([listening], timeout=0.5)


def like(world: World, **changes: Any) -> World:
    """Return the same app with other dependencies."""
    deps = replace(world.deps, **changes)
    return replace(world, deps=deps, app=create_app(deps))


def live(world: World) -> LiveTimelines:
    found: LiveTimelines = world.app.state.live_timelines
    return found


def reads_of(world: World, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the list in which each read of the API's store is noted from here on."""
    made: list[object] = []
    read = world.deps.store.read

    def noted(user_id: Any = None) -> Any:
        made.append(user_id)
        return read(user_id)

    monkeypatch.setattr(world.deps.store, "read", noted)
    return made


@asynccontextmanager
async def open_streams(address: str, customer: Customer, strategy_id: str, count: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(following(address, customer, strategy_id))
        yield


async def until(holds: Any) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# The bound


async def test_streams_beyond_the_bound_are_refused_before_anything_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = like(world, bounds=Bounds(streams=3, refused_stream_waits=0), look_every_seconds=3600)
    noisy, other = await world.trader(), await world.trader()
    mine, theirs = await noisy.running(), await other.running()
    async with served(world) as address, open_streams(address, noisy, mine["strategy_id"], 3):
        await until(lambda: live(world).streams == 3)
        read = reads_of(world, monkeypatch)
        async with httpx.AsyncClient(base_url=address, timeout=30) as http:
            way = f"/strategy/{mine['strategy_id']}/events"
            answers = [await http.get(way, headers=noisy.bearer) for _ in range(200)]
        assert Counter(answer.status_code for answer in answers) == {429: 200}
        assert read == []
        refused = answers[0]
        assert refused.json()["code"] == "too_many_streams"
        assert "3 event streams" in refused.json()["detail"]
        assert "close one" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["connection"] == "close"  # and no connection is kept from others
        assert refused.headers["x-content-type-options"] == "nosniff"
        async with following(address, other, theirs["strategy_id"]) as events:
            assert (await events.next())["data"]["kind"] == "started"


async def test_who_tries_again_at_once_is_refused_at_a_pace(world: World) -> None:
    waits = 0.2
    world = like(world, bounds=Bounds(streams=1, refused_stream_waits=waits))
    noisy = await world.trader()
    mine = await noisy.running()
    way = f"/strategy/{mine['strategy_id']}/events"
    async with served(world) as address, open_streams(address, noisy, mine["strategy_id"], 1):
        await until(lambda: live(world).streams == 1)
        async with httpx.AsyncClient(base_url=address, timeout=30, headers=noisy.bearer) as http:
            began = time.monotonic()
            one_after_the_other = [(await http.get(way)).status_code for _ in range(3)]
            assert one_after_the_other == [429] * 3
            assert time.monotonic() - began >= 3 * waits
            at_once = await asyncio.gather(*(http.get(way) for _ in range(3 * REFUSED_LATE)))
    assert {answer.status_code for answer in at_once} == {429}


async def test_a_stream_that_is_closed_makes_room(world: World) -> None:
    world = like(world, bounds=Bounds(streams=1))
    customer = await world.trader()
    running = await customer.running()
    async with served(world) as address:
        for _ in range(3):
            async with following(address, customer, running["strategy_id"]) as events:
                assert (await events.next())["data"]["kind"] == "started"
            await until(lambda: world.app.state.streams.in_all == 0)


async def test_a_stream_of_a_strategy_that_is_not_ones_own_takes_no_room(world: World) -> None:
    world = like(world, bounds=Bounds(streams=1))
    customer, other = await world.trader(), await world.trader()
    running = await other.running()
    for _ in range(3):
        answer = await customer.get(f"/strategy/{running['strategy_id']}/events")
        assert answer.status_code == 404
    assert world.app.state.streams.in_all == 0


async def test_streams_of_many_accounts_leave_connections_to_other_calls(world: World) -> None:
    world = like(world, bounds=Bounds(streams=5, streams_in_all=4))
    people = [await world.trader() for _ in range(3)]
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(served(world))
        for person in people[:2]:
            running = await person.running()
            await stack.enter_async_context(open_streams(address, person, running["strategy_id"], 2))
        running = await people[2].running()
        async with httpx.AsyncClient(base_url=address, timeout=30, headers=people[2].bearer) as http:
            refused = await http.get(f"/strategy/{running['strategy_id']}/events")
            assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
            assert int(refused.headers["retry-after"]) > 0
            assert (await http.get("/strategy")).status_code == 200
            assert (await http.get("/health/ready")).status_code == 200


async def test_nobody_uses_up_anothers_streams_with_a_token_that_is_none(world: World) -> None:
    world = like(world, bounds=Bounds(streams=1))
    customer = await world.trader()
    running = await customer.running()
    way = f"/strategy/{running['strategy_id']}/events"
    for token in ("", "x", "Bearer", f"Bearer {customer.tokens['access_token'][:-4]}AAAA"):
        assert (await world.http.get(way, headers={"Authorization": token})).status_code == 401
    async with served(world) as address, following(address, customer, running["strategy_id"]) as events:
        assert (await events.next())["data"]["kind"] == "started"


# One reader


async def test_one_read_serves_all_streams_of_a_user(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = like(world, look_every_seconds=3600)
    customer = await world.trader()
    running = [await customer.running() for _ in range(3)]
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(served(world))
        streams = [
            await stack.enter_async_context(following(address, customer, one["strategy_id"]))
            for one in running
            for _ in range(5)
        ]
        for stream in streams:
            await stream.next()
        await say(world, running[2], "settles")  # and each timeline has been looked at once
        for stream in streams[10:]:
            assert (await stream.next())["data"]["text"] == "settles"
        read = reads_of(world, monkeypatch)
        await say(world, running[2], "told to all")
        for stream in streams[10:]:
            assert (await stream.next())["data"]["text"] == "told to all"
        assert len(read) <= 2, read


async def test_streams_that_nothing_happens_in_cost_one_read_a_user_and_round(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred streams of ten accounts; each used to read by itself."""
    world = like(world, look_every_seconds=0.5)
    people = [await world.trader() for _ in range(10)]
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(served(world))
        for person in people:
            running = await person.running()
            await stack.enter_async_context(open_streams(address, person, running["strategy_id"], 20))
        await until(lambda: live(world).streams == 200)
        await asyncio.sleep(1)
        read = reads_of(world, monkeypatch)
        await asyncio.sleep(2)
        assert 0 < len(read) <= 10 * 6
        assert (await people[0].get("/strategy")).status_code == 200


async def test_reading_ends_with_the_last_stream(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = like(world, look_every_seconds=0.05)
    customer = await world.trader()
    running = await customer.running()
    async with served(world) as address:
        async with following(address, customer, running["strategy_id"]) as events:
            await events.next()
        await until(lambda: live(world).streams == 0)
        read = reads_of(world, monkeypatch)
        await asyncio.sleep(0.5)
        assert read == []


# A slow reader


async def many_lines(world: World, strategy_id: str, count: int, words: str) -> None:
    """Add lines to a timeline, as its run would, in one transaction."""
    line = text(
        "INSERT INTO events (user_id, strategy_id, kind, text, once) "
        "SELECT user_id, strategy_id, 'note', CAST(:words AS text), CAST(:words AS text) || n "
        "FROM strategies, generate_series(1, :n) AS n WHERE strategy_id = :id"
    )
    async with world.store.work() as session:
        await session.execute(line, {"id": strategy_id, "n": count, "words": words})


async def test_a_client_that_takes_nothing_holds_up_no_other_and_no_memory(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    strategy_id = running["strategy_id"]
    async with served(world) as address:
        async with (
            following(address, customer, strategy_id) as slow,
            following(address, customer, strategy_id) as quick,
        ):
            await quick.next()
            for turn in range(3):
                await many_lines(world, strategy_id, 1_000, f"{turn} {'x' * 500} ")
                for _ in range(1_000):
                    await quick.next()
            timeline = live(world)._by_strategy[next(iter(live(world)._by_strategy))]
            assert len(timeline.lines) <= KEPT
            # What waits for the slow one is in Postgres: it reads on from where it is, and misses none.
            lines = [await slow.next() for _ in range(3_001)]
        ids = [int(line["id"]) for line in lines]
        assert ids == sorted(set(ids))
        assert len(ids) == 3_001


async def test_a_stream_begun_far_behind_catches_up_while_lines_are_written(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    strategy_id = running["strategy_id"]
    await many_lines(world, strategy_id, 450, "before ")
    async with served(world) as address, following(address, customer, strategy_id) as stream:
        found = [await stream.next() for _ in range(200)]
        await many_lines(world, strategy_id, 450, "beside ")
        found += [await stream.next() for _ in range(701)]
        assert len({line["id"] for line in found}) == 901
        await say(world, running, "after all")
        assert (await stream.next())["data"]["text"] == "after all"


async def test_a_channel_of_postgres_that_says_nonsense_stops_no_stream(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    async with served(world) as address, following(address, customer, running["strategy_id"]) as stream:
        await stream.next()
        async with world.store.work() as session:
            for payload in ("x", "", "0", json.dumps({"a": 1}), "9" * 200):
                await session.execute(
                    text("SELECT pg_notify(:channel, :payload)"), {"channel": EVENT_ADDED, "payload": payload}
                )
        await say(world, running, "still heard")
        assert (await stream.next())["data"]["text"] == "still heard"
