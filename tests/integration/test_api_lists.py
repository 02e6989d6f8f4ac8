"""Lists, symbols and the market's hours."""

from datetime import UTC, datetime

import pytest

from adapters.postgres.engine import Store
from services.auth.passwords import Passwords
from tests.api_world import MONDAY_0830, World, new_world
from tests.fakes.calendar import Weekdays


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


@pytest.fixture
async def exchange(store: Store, passwords: Passwords) -> World:
    """A Monday morning at the exchange."""
    opened = new_world(store, passwords, calendar=Weekdays())
    opened.clock.at = MONDAY_0830
    return opened


async def test_lists_are_paged_newest_first_without_gaps_or_repeats(world: World) -> None:
    customer = await world.customer()
    ids = [(await customer.create())["strategy_id"] for _ in range(7)]
    seen_ids, cursor = [], None
    for _ in range(4):
        page = (
            await customer.get("/strategy", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen_ids += [item["strategy_id"] for item in page["items"]]
        cursor = page["next"]
    assert seen_ids == ids[::-1]
    assert cursor is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=abc", "limit"),
        ("limit=1.5", "limit"),
        ("limit=" + "9" * 400, "limit"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=ZXZlbnR8MQ", "cursor"),
    ],
)
async def test_bad_page_is_refused_and_named(world: World, query: str, field: str) -> None:
    customer = await world.customer()
    answer = await customer.get(f"/strategy?{query}")
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_market_status_on_a_weekend_names_the_next_session(exchange: World) -> None:
    customer = await exchange.customer()
    exchange.clock.at = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)
    shown = (await customer.get("/market/status")).json()
    assert (shown["status"], shown["trading_day"], shown["session"]) == ("closed", None, None)
    assert shown["next_session"]["trading_day"] == "2026-11-30"
    exchange.clock.at = datetime(2026, 11, 30, 9, 50, tzinfo=UTC)  # 15:20
    assert (await customer.get("/market/status")).json()["status"] == "open"
    assert (await customer.get("/market/status?segment=cash_cas")).json()["status"] == "closed"


async def test_instrument_search_finds_symbols_with_ticks_as_numbers(world: World) -> None:
    customer = await world.customer()
    answer = await customer.get("/instruments?q=tcs")
    assert '"tick_size":0.05' in answer.text
    assert [(item["exchange"], item["symbol"]) for item in answer.json()["items"]] == [
        ("NSE", "TCS"),
        ("BSE", "TCS"),
    ]
    assert (await customer.get("/instruments")).status_code == 422
