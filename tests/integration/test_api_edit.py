"""Editing a strategy that is not running: what is taken, and what is refused."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from domain.strategy import Outcome
from services.auth.passwords import Passwords
from tests.api_world import STRATEGY, Customer, World, json_of, new_world
from tests.edit_calls import PERCENT, audited, copy, edit, edited, refusal, wrong
from tests.integration.test_api_runs import bought


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


@pytest.fixture
async def customer(world: World) -> Customer:
    return await world.trader()


def between(world: World, meanwhile: Callable[[], Awaitable[object]]) -> None:
    """Have something happen once, after the next call has read its strategy and before it writes."""
    find = world.instruments.find

    async def found(exchange: str, symbol: str) -> Any:
        world.instruments.find = find  # type: ignore[method-assign]
        await meanwhile()
        return await find(exchange, symbol)

    world.instruments.find = found  # type: ignore[method-assign]


# Any of the terms may be changed, and what is absent stays as it is.


@pytest.mark.parametrize(
    "changed",
    [
        {"symbol": "INFY"},
        {"exchange": "BSE"},
        {"product": "MIS"},
        {"buy_time": "10:00:05"},
        {"sell_time": "15:10"},
        {"stop_loss": 3400},
        {"quantity": 11},
        {"on_stop": "keep"},
        {"symbol": "NIFTY26DECFUT", "exchange": "NFO", "product": "NRML", "quantity": 75, "stop_loss": 24000},
        {},
    ],
)
async def test_what_is_named_changes_and_the_rest_stays(customer: Customer, changed: dict[str, Any]) -> None:
    before = await customer.create(target={"price": 30000}, trail={"by": PERCENT})
    after = await edited(customer, before["strategy_id"], **changed)
    price = changed.get("stop_loss", before["stop_loss"])
    assert after == before | changed | {"stop_price": price, "warnings": after["warnings"]}


async def test_terms_of_version_two_are_given_changed_and_taken_away(customer: Customer) -> None:
    strategy_id = (await customer.create())["strategy_id"]
    lock = [{"after": {"points": 20}, "keep": {"points": 0}}]
    given = await edited(
        customer, strategy_id, target={"percent": 3}, trail={"by": PERCENT, "after": {"points": 5}}, lock=lock
    )
    assert given["terms"]["target"]["percent"] == 3
    assert given["terms"]["trail"]["after"]["points"] == 5
    assert given["terms"]["lock"][0]["keep"]["points"] == 0
    changed = await edited(customer, strategy_id, target={"price": 3700})
    assert changed["terms"] == given["terms"] | {"target": {"price": 3700, "percent": None, "points": None}}
    bare = await edited(customer, strategy_id, target=None, trail=None, lock=None)
    assert bare["terms"] == (await customer.create())["terms"]


# A stop of the one kind takes the place of the other; one there must be.


async def test_a_stop_takes_the_place_of_the_other_kind(customer: Customer) -> None:
    strategy_id = (await customer.create())["strategy_id"]
    measured = await edited(customer, strategy_id, stop=PERCENT)
    assert (measured["stop_loss"], measured["terms"]["stop"]["percent"]) == (None, Decimal("1.5"))
    kept = await edited(customer, strategy_id, quantity=12, stop_loss=None)
    assert (kept["stop_loss"], kept["terms"]["stop"]["percent"]) == (None, Decimal("1.5"))
    priced = await edited(customer, strategy_id, stop_loss=3450)
    assert (priced["stop_loss"], priced["terms"]["stop"]) == (3450, None)
    assert (await edited(customer, strategy_id, stop=None))["stop_loss"] == 3450


@pytest.mark.parametrize(
    ("before", "changed", "field", "code"),
    [
        ({}, {"stop": PERCENT, "stop_loss": 3400}, "stop", "two_stops"),
        ({}, {"stop_loss": None}, "stop_loss", "missing"),
        ({"stop_loss": None, "stop": PERCENT}, {"stop": None}, "stop_loss", "missing"),
        ({}, {"stop": PERCENT | {"points": 1}}, "stop", "not_exactly_one"),
        # The whole is checked as a create is, also against what stays as it is.
        ({}, {"symbol": "TSC"}, "symbol", "unknown_symbol"),
        ({}, {"symbol": "SUZLON-BE"}, "symbol", "trade_to_trade"),
        ({}, {"symbol": None}, "symbol", "not_a_symbol"),
        ({}, {"quantity": 0}, "quantity", "out_of_range"),
        ({}, {"quantity": None}, "quantity", "missing"),
        ({}, {"stop_loss": 3500.07}, "stop_loss", "off_tick"),
        ({}, {"product": "NRML"}, "product", "product_does_not_fit"),
        ({}, {"exchange": "MCX"}, "exchange", "not_a_choice"),
        ({}, {"sell_time": "09:30"}, "sell_time", "sell_before_buy"),
        ({}, {"buy_time": "15:00"}, "sell_time", "sell_before_buy"),
        ({}, {"target": {"price": 3400}}, "target", "target_below_stop"),
        ({"target": {"price": 3600}}, {"stop_loss": 3600}, "target", "target_below_stop"),
        ({}, {"lock": []}, "lock", "too_short"),
        ({}, {"colour": "red"}, "colour", "unknown_field"),
        ({}, {"status": "stopped"}, "status", "unknown_field"),
        ({}, {"user_id": str(uuid4())}, "user_id", "unknown_field"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field_and_changes_nothing(
    customer: Customer, before: dict[str, Any], changed: dict[str, Any], field: str, code: str
) -> None:
    created = await customer.create(**before)
    answer = await edit(customer, created["strategy_id"], **changed)
    assert wrong(answer) == [(field, code)]
    assert json_of(await customer.get(f"/strategy/{created['strategy_id']}")) == created


async def test_everything_that_is_wrong_is_named_at_once(customer: Customer) -> None:
    created = await customer.create()
    answer = await edit(
        customer, created["strategy_id"], quantity=0, symbol="TSC", buy_time="15:30", sell_time="9:30"
    )
    assert {name for name, _ in wrong(answer)} == {"quantity", "symbol", "sell_time"}


async def test_a_symbol_that_is_gone_is_refused_whatever_is_changed(world: World, customer: Customer) -> None:
    created = await customer.create()
    world.instruments.listed = [row for row in world.instruments.listed if row.symbol != "TCS"]
    answer = await edit(customer, created["strategy_id"], quantity=20)
    assert wrong(answer) == [("symbol", "unknown_symbol")]
    assert (await edited(customer, created["strategy_id"], symbol="INFY"))["symbol"] == "INFY"


# It is recorded with the new terms; sent again it changes nothing and is recorded once.


async def test_an_edit_is_recorded_once_with_the_new_terms(customer: Customer) -> None:
    strategy_id = (await customer.create())["strategy_id"]
    first = await edited(customer, strategy_id, quantity=25, stop=PERCENT)
    assert await edited(customer, strategy_id, quantity=25, stop=PERCENT) == first
    (line,) = await audited(customer, "strategy_edit")
    assert line == "NSE:TCS ×25 CNC, 09:30 to 15:00, stop 1.5 % below the entry, on_stop exit"


async def test_a_key_is_taken_and_not_needed(customer: Customer) -> None:
    path = f"/strategy/{(await customer.create())['strategy_id']}"
    headers = customer.bearer | {"Idempotency-Key": "k-1"}
    answers = [await customer.http.patch(path, json={"quantity": 9}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


# Another user's strategy is as unknown as none.


@pytest.mark.parametrize("body", [{}, {"quantity": 20}])
async def test_anothers_strategy_is_neither_edited_nor_copied(world: World, body: dict[str, Any]) -> None:
    asha, ravi = await world.trader(), await world.trader()
    hers = await asha.create()
    for strategy_id in (hers["strategy_id"], str(uuid4())):
        assert refusal(await edit(ravi, strategy_id, **body)) == (404, "not_found")
        assert refusal(await copy(ravi, strategy_id)) == (404, "not_found")
    assert json_of(await asha.get(f"/strategy/{hers['strategy_id']}")) == hers
    assert json_of(await ravi.get("/strategy"))["items"] == []


# Nothing changes while it runs, while its START is under way, or while what was bought is not settled.


async def test_a_running_strategy_is_not_edited_and_a_stopped_one_is(customer: Customer) -> None:
    running = await customer.running()
    assert refusal(await edit(customer, running["strategy_id"], quantity=20)) == (409, "strategy_running")
    assert refusal(await edit(customer, running["strategy_id"])) == (409, "strategy_running")
    assert (await customer.stop(running["strategy_id"])).status_code == 200
    after = await edited(customer, running["strategy_id"], quantity=20, symbol="INFY")
    assert (after["status"], after["quantity"], after["symbol"]) == ("stopped", 20, "INFY")
    started = json_of(await customer.start(running["strategy_id"]))
    assert (started["status"], started["symbol"]) == ("running", "INFY")


async def test_a_strategy_whose_start_is_under_way_is_not_edited(world: World, customer: Customer) -> None:
    created = await customer.create()
    world.runs.away = True  # Temporal was asked, and may yet begin the run
    assert (await customer.start(created["strategy_id"])).status_code == 503
    answer = await edit(customer, created["strategy_id"], quantity=20)
    assert refusal(answer) == (409, "strategy_running")
    assert "is being started" in answer.json()["detail"]


async def test_a_start_that_begins_after_an_edit_trades_nothing(world: World, customer: Customer) -> None:
    created = await customer.create()
    begun: list[Any] = []

    async def lost(start: Any) -> None:
        begun.append(start)

    begin, world.runs.start = world.runs.start, lost  # type: ignore[method-assign,assignment]
    assert (await customer.start(created["strategy_id"])).status_code == 503
    async with world.store.work() as session:
        await session.execute(text("UPDATE starts SET written_at = written_at - interval '1 minute'"))
    await edited(customer, created["strategy_id"], stop_loss=3400)
    with pytest.raises(LookupError, match="was edited"):
        await begin(begun[0])
    assert json_of(await customer.get(f"/strategy/{created['strategy_id']}"))["status"] == "created"


async def test_shares_of_a_failed_exit_bar_an_edit_and_kept_ones_do_not(
    world: World, customer: Customer
) -> None:
    strategy_id = (await bought(world, customer, Outcome.ORDER_FAILED))["strategy_id"]
    assert refusal(await edit(customer, strategy_id, quantity=20)) == (409, "position_open")
    assert (await customer.stop(strategy_id, on_stop="keep")).json()["outcome"] == "kept"
    after = await edited(customer, strategy_id, quantity=20)
    assert (after["quantity"], after["position"], after["filled_quantity"]) == (20, "bought", 10)


async def test_an_order_in_doubt_bars_an_edit_until_the_market_has_closed(
    world: World, customer: Customer
) -> None:
    strategy_id = (await bought(world, customer, Outcome.SOLD, sold=10))["strategy_id"]
    async with world.store.work() as session:
        await session.execute(text("UPDATE orders SET status = 'absent' WHERE leg = 'exit'"))
        await session.execute(text("UPDATE strategies SET closes_at = now() + interval '1 hour'"))
    assert refusal(await edit(customer, strategy_id, quantity=20)) == (409, "order_in_doubt")
    async with world.store.work() as session:
        await session.execute(text("UPDATE strategies SET closes_at = now() - interval '1 second'"))
    await edited(customer, strategy_id, quantity=20)


# Kept shares are never sold as shares of another kind.


async def test_kept_shares_are_not_sold_by_terms_that_name_others(world: World, customer: Customer) -> None:
    strategy_id = (await bought(world, customer, Outcome.KEPT))["strategy_id"]
    begun = len(world.runs.started)
    for changed in (
        {"symbol": "INFY"},
        {"symbol": "TCS", "exchange": "BSE"},
        {"exchange": "NSE", "product": "MIS"},
    ):
        await edited(customer, strategy_id, **changed)
        answer = await customer.stop(strategy_id, on_stop="exit")
        assert refusal(answer) == (409, "terms_changed")
        assert "NSE:TCS (CNC)" in answer.json()["detail"]
    assert len(world.runs.started) == begun
    await edited(customer, strategy_id, product="CNC", quantity=20)
    assert (await customer.stop(strategy_id, on_stop="exit")).status_code in (200, 202)
    assert len(world.runs.started) == begun + 1


# START and edit exclude each other: what runs is what the strategy says.


async def test_a_start_that_read_the_terms_before_an_edit_is_refused(
    world: World, customer: Customer
) -> None:
    strategy_id = (await customer.create())["strategy_id"]
    between(world, lambda: edited(customer, strategy_id, stop_loss=3400))
    assert refusal(await customer.start(strategy_id)) == (409, "terms_changed")
    assert world.runs.started == []
    assert (await customer.start(strategy_id)).status_code == 200
    assert world.runs.started[0].strategy.stop_loss == 3400


async def test_an_edit_that_read_the_strategy_before_its_start_is_refused(
    world: World, customer: Customer
) -> None:
    strategy_id = (await customer.create())["strategy_id"]
    between(world, lambda: customer.start(strategy_id))
    assert refusal(await edit(customer, strategy_id, stop_loss=3400)) == (409, "strategy_running")
    assert world.runs.started[0].strategy.stop_loss == Decimal("3500.05")


async def test_start_and_edit_at_once_leave_a_run_of_the_terms_that_stand(
    world: World, customer: Customer
) -> None:
    seen: Counter[tuple[int, int]] = Counter()
    for number in range(12):
        strategy_id = (await customer.create())["strategy_id"]
        calls = [customer.start(strategy_id), edit(customer, strategy_id, quantity=50 + number)]
        started, changed = await asyncio.gather(*calls)
        seen[started.status_code, changed.status_code] += 1
        stands = json_of(await customer.get(f"/strategy/{strategy_id}"))
        assert (stands["quantity"] == 50 + number) == (changed.status_code == 200)
        assert (stands["status"] == "running") == (started.status_code == 200)
        if started.status_code == 200:
            assert world.runs.started[-1].strategy.quantity == stands["quantity"]
    assert set(seen) <= {(200, 409), (200, 200), (409, 200)}, seen


async def test_two_edits_at_once_both_count(world: World, customer: Customer) -> None:
    strategy_id = (await customer.create())["strategy_id"]
    between(world, lambda: edited(customer, strategy_id, quantity=20))
    assert (await edit(customer, strategy_id, stop_loss=3400)).status_code == 200
    stands = json_of(await customer.get(f"/strategy/{strategy_id}"))
    assert (stands["quantity"], stands["stop_loss"]) == (20, 3400)


# A create under a key whose strategy was edited since makes no second one.


async def test_a_create_that_is_repeated_after_an_edit_makes_no_second_strategy(customer: Customer) -> None:
    headers = customer.bearer | {"Idempotency-Key": "k-1"}
    made = await customer.http.post("/strategy/create", json=STRATEGY, headers=headers)
    await edited(customer, made.json()["strategy_id"], quantity=20)
    again = await customer.http.post("/strategy/create", json=STRATEGY, headers=headers)
    assert wrong(again) == [("Idempotency-Key", "key_reused")]
    assert len(json_of(await customer.get("/strategy"))["items"]) == 1
