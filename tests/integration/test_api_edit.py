"""Editing a strategy that is not running, and copying one: what is taken, and what is refused."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from api.app import create_app
from domain.strategy import Outcome
from services.auth.passwords import Passwords
from tests.api_world import STRATEGY, Customer, World, json_of, new_world
from tests.integration.test_api_runs import bought

PERCENT = {"percent": 1.5}
OWN = ("created_at", "strategy_id")


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


@pytest.fixture
async def customer(world: World) -> Customer:
    return await world.trader()


async def edit(who: Customer, strategy_id: str, **changed: object) -> httpx.Response:
    return await who.http.patch(f"/strategy/{strategy_id}", json=changed, headers=who.bearer)


async def edited(who: Customer, strategy_id: str, **changed: object) -> dict[str, Any]:
    answer = await edit(who, strategy_id, **changed)
    assert answer.status_code == 200, answer.text
    assert json_of(await who.get(f"/strategy/{strategy_id}")) == json_of(answer) | {
        "warnings": json_of(answer)["warnings"]
    }
    return dict(json_of(answer))


async def copy(who: Customer, strategy_id: str, key: str | None = None) -> httpx.Response:
    headers = who.bearer | ({} if key is None else {"Idempotency-Key": key})
    return await who.http.post(f"/strategy/{strategy_id}/copy", headers=headers)


async def audited(who: Customer, action: str) -> list[str]:
    lines = json_of(await who.get("/account/audit"))["items"]
    return [line["reason"] for line in lines if line["action"] == action]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def wrong(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(error["field"], error["code"]) for error in answer.json()["errors"]]


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


# A copy has the same terms and a life of its own.


async def test_a_copy_has_the_same_terms_and_nothing_of_the_run(world: World, customer: Customer) -> None:
    source = await customer.create(
        stop_loss=None, stop=PERCENT, target={"points": 30}, trail={"by": PERCENT}, on_stop="keep"
    )
    copied = await copy(customer, source["strategy_id"])
    assert copied.status_code == 201, copied.text
    other = dict.fromkeys(OWN)
    assert json_of(copied) | other == source | other
    assert json_of(copied)["strategy_id"] != source["strategy_id"]
    line, _ = await audited(customer, "strategy_create")
    assert line.endswith(f"on_stop keep, a copy of {source['strategy_id']}")
    running = await customer.running()
    of_running = json_of(await copy(customer, running["strategy_id"]))
    assert (of_running["status"], of_running["started_at"], of_running["run_id"]) == ("created", None, None)
    assert (await edited(customer, of_running["strategy_id"], quantity=3))["quantity"] == 3


async def test_without_a_key_every_copy_is_a_new_strategy(customer: Customer) -> None:
    source = (await customer.create())["strategy_id"]
    made = {json_of(await copy(customer, source))["strategy_id"] for _ in range(2)}
    assert len(made | {source}) == 3


# Under its key a copy is the same one, whatever became of either; once deleted it does not come back.


async def test_a_copy_under_its_key_is_the_same_one(customer: Customer) -> None:
    source, other = (await customer.create())["strategy_id"], (await customer.create())["strategy_id"]
    answers = await asyncio.gather(*(copy(customer, source, "k-1") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    (copied,) = {answer.json()["strategy_id"] for answer in answers}
    await edited(customer, source, quantity=20)
    await edited(customer, copied, quantity=30)
    again = await copy(customer, source, "k-1")
    assert (again.json()["strategy_id"], again.json()["quantity"]) == (copied, 30)
    assert json_of(await copy(customer, other, "k-1"))["strategy_id"] != copied
    assert (await customer.delete(f"/strategy/{copied}")).status_code == 204
    assert refusal(await copy(customer, source, "k-1")) == (409, "key_used")
    assert wrong(await copy(customer, source, "x" * 65)) == [("Idempotency-Key", "bad_key")]


async def test_a_copys_key_is_its_users_own(world: World) -> None:
    asha, ravi = await world.trader(), await world.trader()
    hers, his = (await asha.create())["strategy_id"], (await ravi.create())["strategy_id"]
    made = json_of(await copy(asha, hers, "same"))["strategy_id"]
    assert json_of(await copy(ravi, his, "same"))["strategy_id"] != made
    assert refusal(await copy(ravi, hers, "same")) == (404, "not_found")


# A create under a key whose strategy was edited since makes no second one.


async def test_a_create_that_is_repeated_after_an_edit_makes_no_second_strategy(customer: Customer) -> None:
    headers = customer.bearer | {"Idempotency-Key": "k-1"}
    made = await customer.http.post("/strategy/create", json=STRATEGY, headers=headers)
    await edited(customer, made.json()["strategy_id"], quantity=20)
    again = await customer.http.post("/strategy/create", json=STRATEGY, headers=headers)
    assert wrong(again) == [("Idempotency-Key", "key_reused")]
    assert len(json_of(await customer.get("/strategy"))["items"]) == 1


# A copy is refused as a create is.


async def test_terms_that_do_not_fit_any_more_are_not_copied(world: World, customer: Customer) -> None:
    future = await customer.create(
        symbol="NIFTY26DECFUT", exchange="NFO", product="NRML", quantity=75, stop_loss=24000
    )
    share = await customer.create()
    world.instruments.listed = [
        replace(row, lot_size=65) for row in world.instruments.listed if row.symbol == "NIFTY26DECFUT"
    ]
    assert wrong(await copy(customer, future["strategy_id"])) == [("quantity", "not_a_lot")]
    assert wrong(await copy(customer, share["strategy_id"])) == [("symbol", "unknown_symbol")]
    assert len(json_of(await customer.get("/strategy"))["items"]) == 2


async def test_copies_count_among_the_strategies_a_user_may_have(world: World) -> None:
    deps = replace(world.deps, bounds=replace(world.deps.bounds, strategies=3))
    http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(deps)), base_url="http://api.test")
    customer = await replace(world, http=http).trader()
    source = (await customer.create())["strategy_id"]
    answers = await asyncio.gather(*(copy(customer, source, f"k-{number}") for number in range(6)))
    assert Counter(answer.status_code for answer in answers) == {201: 2, 409: 4}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {
        "too_many_strategies"
    }
    assert len(json_of(await customer.get("/strategy"))["items"]) == 3
