"""All strategies of a user in one live stream: over a real server, on Postgres' own notices."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.strategy_view_row import StrategyViewRow
from api.events import feeds
from domain.errors import StoreUnavailable
from services.auth.passwords import Passwords
from services.strategies.lookup import find_strategy
from tests.api_world import World
from tests.event_streams import Stream, announced, following, say, served


@pytest.fixture
async def world(store: Store, database: str, passwords: Passwords) -> AsyncIterator[World]:
    async with announced(store, database, passwords) as world:
        yield world


async def until(stream: Stream, name: str, **fields: Any) -> dict[str, Any]:
    """Return the next event of a name whose data has these fields; pass over others."""
    while True:
        event = await stream.next()
        if event["event"] == name and fields.items() <= event["data"].items():
            return event


async def test_it_begins_with_all_that_is_there_and_goes_on_with_what_happens(world: World) -> None:
    customer = await world.trader()
    idle, running = await customer.create(), await customer.running()
    async with served(world) as address, following(address, customer, None) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        states = [await until(stream, "strategy") for _ in range(2)]
        await say(world, running, "first")
        line = await until(stream, "note")
        assert (line["data"]["text"], line["data"]["strategy_id"]) == ("first", running["strategy_id"])
        edited = await customer.http.patch(
            f"/strategy/{idle['strategy_id']}", json={"quantity": 7}, headers=customer.bearer
        )
        assert edited.status_code == 200
        await until(stream, "strategy", strategy_id=idle["strategy_id"], quantity=7)
        made = await customer.create()
        await until(stream, "strategy", strategy_id=made["strategy_id"])
        await customer.delete(f"/strategy/{made['strategy_id']}")
        await until(stream, "deleted", strategy_id=made["strategy_id"])
    assert {state["data"]["strategy_id"] for state in states} == {idle["strategy_id"], running["strategy_id"]}
    assert all("id" not in state for state in states), "only lines have ids"
    whole = (await customer.get(f"/strategy/{running['strategy_id']}")).json()
    shown = next(one["data"] for one in states if one["data"]["strategy_id"] == running["strategy_id"])
    assert shown == whole


async def test_a_new_price_comes_with_what_it_is_worth(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    world.prices.price = Decimal("3550.25")
    async with served(world) as address, following(address, customer, None) as stream:
        price = await until(stream, "price")
        assert price["data"] == {
            "strategy_id": running["strategy_id"],
            "last_price": 3550.25,
            "pnl": None,
            "net_pnl": None,
        }
        world.prices.price = Decimal(3551)
        await until(stream, "price", last_price=3551)


async def test_it_goes_on_after_the_last_line_with_none_twice_and_none_lost(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    async with served(world) as address:
        async with following(address, customer, None) as stream:
            await until(stream, "started")
            await say(world, running, "one")
            last = (await until(stream, "note"))["id"]
        for words in ("two", "three"):
            await say(world, running, words)
        async with following(address, customer, None, last) as stream:
            assert [(await until(stream, "note"))["data"]["text"] for _ in range(2)] == ["two", "three"]


ADD = text(
    "INSERT INTO events (user_id, strategy_id, kind, text, once) "
    "SELECT user_id, strategy_id, 'note', :words, :words FROM strategies WHERE strategy_id = :strategy_id "
    "RETURNING event_id"
)


async def test_a_line_that_is_committed_after_a_later_one_is_not_lost(world: World) -> None:
    """Ids are given when a line is written: of two strategies the later id may be there first."""
    customer = await world.trader()
    slow, quick = [str((await customer.create())["strategy_id"]) for _ in range(2)]
    async with served(world) as address:
        async with following(address, customer, None) as stream, world.store.work() as session:
            lower = (await session.execute(ADD, {"words": "slow", "strategy_id": slow})).scalar_one()
            async with world.store.work() as other:
                higher = (await other.execute(ADD, {"words": "quick", "strategy_id": quick})).scalar_one()
            assert lower < higher
            last = await until(stream, "note")
            assert last["data"]["text"] == "quick"
            await session.commit()
            assert (await until(stream, "note"))["data"]["text"] == "slow"
        async with following(address, customer, None, last["id"]) as stream:
            assert (await until(stream, "note"))["data"]["text"] == "slow"


async def test_another_users_strategies_are_in_no_stream_but_theirs(world: World) -> None:
    one, other = await world.trader(), await world.trader()
    mine, theirs = await one.running(), await other.running()
    async with (
        served(world) as address,
        following(address, one, None) as stream,
        following(address, other, None) as beside,
    ):
        await until(beside, "strategy", strategy_id=theirs["strategy_id"])
        await say(world, theirs, "theirs")
        await until(beside, "note", text="theirs")
        await say_of(world, mine["strategy_id"], "mine")
        seen = [await stream.next()]
        while seen[-1]["data"].get("text") != "mine":
            seen.append(await stream.next())
    assert {event["data"]["strategy_id"] for event in seen} == {mine["strategy_id"]}


async def say_of(world: World, strategy_id: str, words: str) -> None:
    async with world.store.work() as session:
        await session.execute(ADD, {"words": words, "strategy_id": strategy_id})


async def test_a_place_beyond_all_lines_begins_anew(world: World) -> None:
    customer = await world.trader()
    await customer.running()
    async with served(world) as address, following(address, customer, None, "999999999") as stream:
        await until(stream, "started")


async def test_a_client_may_begin_with_what_is_written_from_now_on(world: World) -> None:
    customer = await world.trader()
    running = await customer.running()
    async with served(world) as address:
        headers = customer.bearer
        async with (
            httpx.AsyncClient(base_url=address, timeout=15) as http,
            http.stream("GET", "/events?since=now", headers=headers) as response,
        ):
            stream = Stream(response)
            assert (await stream.next())["event"] == "strategy"
            await say(world, running, "new")
            line = await stream.next()
            while line["event"] == "strategy":
                line = await stream.next()
    assert line["data"]["text"] == "new"


async def test_a_deletion_is_no_new_beginning(world: World) -> None:
    customer = await world.trader()
    await customer.running()
    newest = str((await customer.create())["strategy_id"])
    await say_of(world, newest, "the newest line of all")
    async with served(world) as address:
        async with following(address, customer, None) as stream:
            last = (await until(stream, "note"))["id"]
        await customer.delete(f"/strategy/{newest}")
        async with following(address, customer, None, last) as stream:
            assert (await stream.next())["event"] == "strategy", "no line comes again"


@pytest.mark.parametrize("odd", ["x", "1.", "99999999999999999999"])
async def test_what_is_no_id_of_a_line_is_refused(world: World, odd: str) -> None:
    customer = await world.trader()
    answer = await customer.http.get("/events", headers=customer.bearer | {"Last-Event-ID": odd})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "bad_event_id")


async def test_a_state_that_could_not_be_read_is_shown_by_the_next_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await world.trader()
    running = await customer.running()
    refusals = iter([StoreUnavailable("away for a moment")])

    async def refusing(*asked: Any) -> StrategyViewRow:
        for refusal in refusals:
            raise refusal
        return await find_strategy(*asked)

    monkeypatch.setattr(feeds, "find_strategy", refusing)
    async with served(world) as address, following(address, customer, None) as stream:
        await until(stream, "started")
        feed: feeds.Feeds = world.app.state.feeds
        feed.touch(await customer.id())
        await until(stream, "strategy", strategy_id=running["strategy_id"])


async def test_a_look_at_which_nothing_is_new_is_one_small_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round looks at each user: with five hundred, a full one each took a quarter of a core."""
    customer = await world.trader()
    await customer.running()
    monkeypatch.setattr(feeds, "ROUND_EVERY", 0.01)
    async with served(world) as address, following(address, customer, None) as stream:
        await until(stream, "strategy")
        looks, reads = (
            noted(world.deps.store, "look", monkeypatch),
            noted(world.deps.store, "read", monkeypatch),
        )
        async with asyncio.timeout(20):
            while len(looks) < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert reads == []


def noted(store: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the list in which each call of a method of the store is noted from here on."""
    made: list[object] = []
    method = getattr(store, name)

    def noting(user_id: Any = None) -> Any:
        made.append(user_id)
        return method(user_id)

    monkeypatch.setattr(store, name, noting)
    return made


async def test_a_stream_far_behind_gets_all_lines_a_page_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await world.trader()
    running = await customer.running()
    monkeypatch.setattr(feeds, "PAGE", 3)
    for number in range(7):
        await say(world, running, f"before {number}")
    async with served(world) as address, following(address, customer, None) as stream:
        found = [(await until(stream, "note"))["data"]["text"] for _ in range(7)]
        for number in range(7):
            await say(world, running, f"beside {number}")
        found += [(await until(stream, "note"))["data"]["text"] for _ in range(7)]
    assert found == [f"{when} {number}" for when in ("before", "beside") for number in range(7)]


async def test_prices_are_spread_by_strategy_over_the_second(world: World) -> None:
    """Given all at one moment, five thousand held up every other call for a second."""
    customer = await world.trader()
    running = [await customer.running() for _ in range(12)]
    async with served(world) as address, following(address, customer, None) as stream:
        for _ in running:
            await until(stream, "strategy")
        found = world.app.state.feeds._running()
    slots = {record.strategy.strategy_id: slot for slot, some in found for _, record in some}
    assert {str(one) for one in slots} == {one["strategy_id"] for one in running}
    assert slots == {one: one.int % feeds.SLOTS for one in slots}, "whatever else is followed"
