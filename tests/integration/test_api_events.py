"""The live timeline: over a real server, on Postgres' own notices."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from api.app import create_app
from api.strategies.live_timelines import LiveTimelines
from services.auth.passwords import Passwords
from tests.api_world import World, new_world
from tests.event_streams import announced, following, say, served


@pytest.fixture
async def world(store: Store, database: str, passwords: Passwords) -> AsyncIterator[World]:
    async with announced(store, database, passwords) as world:
        yield world


async def test_stream_ends_soon_after_its_login_does(world: World) -> None:
    customer = await world.trader()
    created = await customer.create()
    async with (
        served(new_world_of(world)) as address,
        following(address, customer, created["strategy_id"]) as stream,
    ):
        await customer.delete("/auth/sessions")
        async with asyncio.timeout(20):
            async for _ in stream.response.aiter_raw():
                pass


def new_world_of(world: World) -> World:
    """Return the same app with event streams that look for themselves often."""
    deps = replace(world.deps, look_every_seconds=0.05)
    return replace(world, deps=deps, app=create_app(deps))


async def test_stream_tells_what_was_and_then_what_happens(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    strategy_id = running["strategy_id"]
    async with served(world) as address, following(address, customer, strategy_id) as events:
        assert events.response.headers["content-type"].startswith("text/event-stream")
        started = await events.next()
        await say(world, running, "first")
        await say(world, running, "second")
        lines = [started, await events.next(), await events.next()]
    assert [line["data"]["text"] for line in lines][1:] == ["first", "second"]
    whole = (await customer.get(f"/strategy/{strategy_id}/timeline")).json()["items"]
    assert [line["data"] for line in lines] == whole
    assert [(line["id"], line["event"]) for line in lines] == [
        (str(entry["event_id"]), entry["kind"]) for entry in whole
    ]


async def test_stream_goes_on_after_the_last_event_id(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    strategy_id = running["strategy_id"]
    async with served(world) as address:
        async with following(address, customer, strategy_id) as events:
            last = (await events.next())["id"]
        await say(world, running, "while away")
        async with following(address, customer, strategy_id, last) as events:
            assert (await events.next())["data"]["text"] == "while away"


async def test_line_arrives_by_notice_when_nobody_looks_again(world: World) -> None:
    world = replace(world, app=create_app(replace(world.deps, look_every_seconds=3600)))
    customer = await world.trader()
    running = await customer.running()
    async with served(world) as address, following(address, customer, running["strategy_id"]) as events:
        await events.next()
        for number in range(5):
            await say(world, running, f"line {number}")
            assert (await events.next())["data"]["text"] == f"line {number}"


async def test_line_arrives_by_looking_again_when_notices_are_lost(
    store: Store, passwords: Passwords
) -> None:
    world = new_world(store, passwords, look_every_seconds=0.05)
    customer = await world.trader()
    running = await customer.running()
    async with served(world) as address, following(address, customer, running["strategy_id"]) as events:
        await events.next()
        await say(world, running, "quietly")
        assert (await events.next())["data"]["text"] == "quietly"


async def test_stream_ends_when_its_token_does(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    async with served(world) as address, following(address, customer, running["strategy_id"]) as events:
        await events.next()
        world.clock.at = datetime.now(UTC) + timedelta(minutes=16)
        await say(world, running, "last")
        with pytest.raises(AssertionError, match="the stream has ended"):
            await events.next()


async def test_stream_is_not_found_for_another_user(world: World) -> None:
    owner, other = await world.trader(), await world.customer()
    running = await owner.running()
    answer = await other.get(f"/strategy/{running['strategy_id']}/events")
    assert answer.status_code == 404


@pytest.mark.parametrize("last", ["x", "-1", "1e3", "9" * 30, "٣"])
async def test_last_event_id_that_is_none_is_refused(world: World, last: str) -> None:
    customer = await world.trader()
    running = await customer.running()
    headers = customer.bearer | {"Last-Event-ID": last}
    answer = await world.http.get(
        f"/strategy/{running['strategy_id']}/events",
        headers={name.encode(): value.encode() for name, value in headers.items()},
    )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["Last-Event-ID"]


async def test_stream_leaves_nothing_behind_when_its_client_is_gone(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    live: LiveTimelines = world.app.state.live_timelines
    async with served(world) as address:
        async with following(address, customer, running["strategy_id"]) as events:
            await events.next()
            assert live.streams == 1
            assert "stopwatch_api_event_streams 1.0" in (await world.http.get("/metrics")).text
        async with asyncio.timeout(10):
            while live.streams:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert "stopwatch_api_event_streams 0.0" in (await world.http.get("/metrics")).text


async def set_back(world: World, strategy_id: str) -> None:
    """Restore the database as it was before the strategy's last lines."""
    async with world.store.work() as session:
        await session.execute(
            text(
                "DELETE FROM events WHERE strategy_id = :id AND event_id > "
                "(SELECT min(event_id) FROM events WHERE strategy_id = :id)"
            ),
            {"id": strategy_id},
        )


async def test_an_id_beyond_all_begins_anew(world: World) -> None:
    """The phone has read further than the database that was restored."""
    customer = await world.trader()
    running = await customer.running()
    async with (
        served(world) as address,
        following(address, customer, running["strategy_id"], "999999999") as events,
    ):
        first = await events.next()
        assert first["data"]["kind"] == "started"
        await say(world, running, "goes on")
        assert (await events.next())["data"]["text"] == "goes on"


async def test_a_database_that_is_set_back_under_an_open_stream_begins_anew(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    again = new_world_of(world)
    async with served(again) as address, following(address, customer, running["strategy_id"]) as events:
        started = await events.next()
        await say(world, running, "lost")
        assert (await events.next())["data"]["text"] == "lost"
        await set_back(world, running["strategy_id"])
        assert await events.next() == started


async def test_an_id_of_another_strategy_begins_anew(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    other = await customer.running(symbol="INFY", stop_loss=1000)
    async with served(world) as address:
        async with following(address, customer, other["strategy_id"]) as events:
            foreign = (await events.next())["id"]
        async with following(address, customer, running["strategy_id"], foreign) as events:
            assert (await events.next())["data"]["kind"] == "started"
