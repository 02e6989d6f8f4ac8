"""Terms of version 2 over REST: what is taken, how it is answered, and what is refused in which words."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from adapters.postgres.engine import Store
from domain.terms import Protect, Terms
from services.auth.passwords import Passwords
from services.strategies.terms_checks import wrong_protection
from tests.api_world import STRATEGY, Customer, World, json_of, new_world
from tests.postgres import PostgresServer

MARKET = {"type": "market", "price": None, "buffer": None, "most": None, "for_seconds": None}
BY_QUANTITY = {
    "entry": MARKET,
    "amount": None,
    "risk": None,
    "reenter": None,
    "repeat": None,
    "protect": "server",
}
PERCENT, POINTS = {"percent": 1.5}, {"points": 12.5}


@pytest.fixture(scope="module")
async def shared(postgres: PostgresServer) -> AsyncIterator[Store]:
    store = Store.open(await postgres.new_database())
    yield store
    await store.close()


@pytest.fixture(scope="module")
async def registered(shared: Store, passwords: Passwords) -> Customer:
    return await new_world(shared, passwords).customer()


@pytest.fixture
async def world(shared: Store, passwords: Passwords) -> World:
    return new_world(shared, passwords)


@pytest.fixture
async def customer(world: World, registered: Customer) -> Customer:
    return Customer(world.http, registered.email, registered.tokens)


def measured(**terms: Any) -> dict[str, Any]:
    """Return a create without a stop at a price."""
    return {name: value for name, value in STRATEGY.items() if name != "stop_loss"} | terms


def out(**said: Any) -> dict[str, Any]:
    return {"percent": None, "points": None} | said


async def test_all_terms_are_answered_as_they_were_given(customer: Customer) -> None:
    words = measured(
        stop=PERCENT,
        target={"points": 30},
        trail={"by": POINTS, "after": PERCENT, "every": {"points": 5}},
        lock=[{"after": {"percent": 2}, "keep": {"points": 0}}, {"after": {"percent": 3}, "keep": PERCENT}],
    )
    answer = await customer.post("/strategy/create", words)
    assert answer.status_code == 201, answer.text
    created = json_of(answer)
    assert created["stop_loss"] is None
    assert created["terms"] == {
        "stop": out(percent=Decimal("1.5")),
        "target": out(points=30) | {"price": None},
        "trail": {
            "by": out(points=Decimal("12.5")),
            "after": out(percent=Decimal("1.5")),
            "every": out(points=5),
        },
        "lock": [
            {"after": out(percent=2), "keep": out(points=0)},
            {"after": out(percent=3), "keep": out(percent=Decimal("1.5"))},
        ],
        **BY_QUANTITY,
    }
    assert (created["stop_price"], created["target_price"], created["peak_price"]) == (None, None, None)
    read = json_of(await customer.get(f"/strategy/{created['strategy_id']}"))
    (listed,) = [
        one
        for one in json_of(await customer.get("/strategy"))["items"]
        if one["strategy_id"] == created["strategy_id"]
    ]
    assert read["terms"] == listed["terms"] == created["terms"]


async def test_the_five_fields_alone_mean_what_they_meant(customer: Customer) -> None:
    created = await customer.create()
    assert created["terms"] == {"stop": None, "target": None, "trail": None, "lock": []} | BY_QUANTITY
    assert created["stop_price"] == created["stop_loss"] == Decimal("3500.05")


async def test_a_stop_at_the_exchange_is_answered_as_it_was_asked_for(customer: Customer) -> None:
    created = json_of(await customer.post("/strategy/create", STRATEGY | {"protect": "exchange"}))
    assert (created["terms"]["protect"], created["protection"]) == ("exchange", None)
    assert (await customer.create())["terms"]["protect"] == "server"


def test_with_real_orders_a_stop_at_the_exchange_needs_a_passed_probe() -> None:
    wanted = Terms(protect=Protect.EXCHANGE)
    (fault,) = wrong_protection(wanted, live=True, probed=False)
    assert (fault.field, fault.code) == ("protect", "not_offered")
    assert list(wrong_protection(wanted, live=True, probed=True)) == []
    assert list(wrong_protection(Terms(), live=True, probed=False)) == []


REENTER = {"times": 3, "after": "stop", "when": "at_entry_price", "until": "14:30"}


async def test_a_reentry_is_answered_as_it_was_given(customer: Customer) -> None:
    created = json_of(await customer.post("/strategy/create", STRATEGY | {"reenter": REENTER}))
    assert created["terms"]["reenter"] == REENTER
    edited = await customer.http.patch(
        f"/strategy/{created['strategy_id']}", json={"quantity": 7}, headers=customer.bearer
    )
    assert json_of(edited)["terms"]["reenter"] == REENTER


LIMITED = {"type": "limit", "price": 3550.5, "for_seconds": 120}
CHASED = {"type": "chase", "buffer": {"percent": 0.1}, "most": {"points": 20}}


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ({"type": "market"}, MARKET),
        (LIMITED, MARKET | LIMITED),
        (
            CHASED,
            {"type": "chase", "price": None, "buffer": out(percent=Decimal("0.1")), "most": out(points=20)}
            | {"for_seconds": 60},
        ),
    ],
)
async def test_an_entry_is_answered_as_it_was_given(
    customer: Customer, asked: dict[str, Any], answered: dict[str, Any]
) -> None:
    created = json_of(await customer.post("/strategy/create", STRATEGY | {"entry": asked}))
    assert created["terms"]["entry"] == answered


def sized(**size: Any) -> dict[str, Any]:
    """Return a create without a quantity."""
    return {name: value for name, value in STRATEGY.items() if name != "quantity"} | size


@pytest.mark.parametrize("size", [{"amount": 50000}, {"risk": 750.5}])
async def test_a_strategy_may_be_sized_by_money(customer: Customer, size: dict[str, Any]) -> None:
    answer = await customer.post("/strategy/create", sized(**size))
    assert answer.status_code == 201, answer.text
    created = json_of(answer)
    assert created["quantity"] is None
    (name,) = size
    other = "risk" if name == "amount" else "amount"
    assert (float(created["terms"][name]), created["terms"][other]) == (size[name], None)
    edited = await customer.http.patch(
        f"/strategy/{created['strategy_id']}", json={"quantity": 7}, headers=customer.bearer
    )
    assert (json_of(edited)["quantity"], json_of(edited)["terms"][name]) == (7, None)


async def test_a_repeated_create_is_compared_with_its_terms(customer: Customer) -> None:
    key = {"Idempotency-Key": "the same press, with a target"}
    words = STRATEGY | {"target": {"price": 3700}}
    first = await customer.http.post("/strategy/create", json=words, headers=customer.bearer | key)
    again = await customer.http.post("/strategy/create", json=words, headers=customer.bearer | key)
    assert (first.status_code, json_of(first)["strategy_id"]) == (201, json_of(again)["strategy_id"])
    other = STRATEGY | {"target": {"price": 3800}}
    refused = await customer.http.post("/strategy/create", json=other, headers=customer.bearer | key)
    assert refused.status_code in (409, 422)


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"stop": PERCENT}, "stop", "two_stops"),
        ({"amount": 5000}, "amount", "two_sizes"),
        ({"risk": 5000}, "risk", "two_sizes"),
        ({"quantity": None}, "quantity", "missing"),
        ({"quantity": None, "amount": 0}, "amount", None),
        ({"quantity": None, "risk": -5}, "risk", None),
        ({"entry": {"type": "stop"}}, "entry", None),
        ({"entry": {"type": "limit"}}, "entry", "wrong_entry"),
        ({"entry": {"type": "market", "price": 3550}}, "entry", "wrong_entry"),
        ({"entry": {"type": "chase", "buffer": POINTS}}, "entry", "wrong_entry"),
        ({"entry": CHASED | {"price": 3550}}, "entry", "wrong_entry"),
        ({"entry": LIMITED | {"for_seconds": 301}}, "entry", "out_of_range"),
        ({"entry": LIMITED | {"for_seconds": 0}}, "entry", "out_of_range"),
        ({"entry": LIMITED | {"for_seconds": 1.5}}, "entry", "out_of_range"),
        ({"entry": LIMITED | {"price": 3550.02}}, "entry", "off_tick"),
        ({"entry": LIMITED | {"price": 3500.05}}, "entry", "entry_below_stop"),
        ({"entry": LIMITED, "target": {"price": 3550.5}}, "entry", "entry_above_target"),
        ({"entry": CHASED | {"most": {"percent": 0.05}}}, "entry", "most_below_buffer"),
        ({"entry": CHASED | {"buffer": {"points": 0.01}}}, "entry", "below_a_tick"),
        ({"reenter": REENTER | {"when": "at_once"}}, "reenter", "reenter_at_the_stop"),
        ({"reenter": REENTER | {"after": "target"}}, "reenter", "no_target"),
        ({"reenter": REENTER | {"after": "both"}}, "reenter", "no_target"),
        ({"reenter": REENTER | {"until": "09:00"}}, "reenter", "until_before_buy"),
        ({"reenter": REENTER | {"until": "25:00"}}, "reenter", None),
        ({"reenter": REENTER | {"times": 0}}, "reenter", "out_of_range"),
        ({"reenter": REENTER | {"times": 21}}, "reenter", "out_of_range"),
        ({"reenter": REENTER | {"after": "never"}}, "reenter", None),
        ({"reenter": {"times": 1}}, "reenter", None),
        ({"protect": "nowhere"}, "protect", None),
        ({"stop_loss": None}, "stop_loss", "missing"),
        ({"stop_loss": None, "stop": {}}, "stop", "not_exactly_one"),
        ({"stop_loss": None, "stop": PERCENT | POINTS}, "stop", "not_exactly_one"),
        ({"stop_loss": None, "stop": {"percent": 100}}, "stop", "out_of_range"),
        ({"stop_loss": None, "stop": {"percent": 0}}, "stop", "out_of_range"),
        ({"stop_loss": None, "stop": {"percent": -1}}, "stop", "out_of_range"),
        ({"stop_loss": None, "stop": {"percent": "1"}}, "stop", "not_a_number"),
        ({"stop_loss": None, "stop": {"points": 0.01}}, "stop", "below_a_tick"),
        ({"stop_loss": None, "stop": {"rupees": 5}}, "stop", "unknown_field"),
        ({"stop_loss": None, "stop": 5}, "stop", None),
        ({"target": {"price": 3500.05}}, "target", "target_below_stop"),
        ({"target": {"price": 3400}}, "target", "target_below_stop"),
        ({"target": {"price": 3600.02}}, "target", "off_tick"),
        ({"target": {"price": 3600, "percent": 1}}, "target", "not_exactly_one"),
        ({"target": {}}, "target", "not_exactly_one"),
        ({"target": {"points": 0.02}}, "target", "below_a_tick"),
        ({"trail": {}}, "trail", "missing"),
        ({"trail": {"by": {"points": 0.01}}}, "trail", "below_a_tick"),
        ({"trail": {"by": POINTS, "every": {"points": 0.04}}}, "trail", "below_a_tick"),
        ({"trail": {"by": POINTS, "each": POINTS}}, "trail", "unknown_field"),
        ({"trail": {"by": {"percent": 100}}}, "trail", "out_of_range"),
        ({"lock": []}, "lock", None),
        ({"lock": [{"after": POINTS, "keep": {"points": 0}}] * 11}, "lock", None),
        ({"lock": [{"after": POINTS, "keep": {"points": 13}}]}, "lock", "keep_above_after"),
        (
            {
                "lock": [
                    {"after": {"percent": 2}, "keep": {"percent": 1}},
                    {"after": {"percent": 1}, "keep": {"percent": 0}},
                ]
            },
            "lock",
            "rungs_out_of_order",
        ),
        ({"lock": [{"after": POINTS, "keep": {"points": -1}}]}, "lock", "out_of_range"),
    ],
)
async def test_terms_that_cannot_be_are_a_422_that_names_the_field(
    customer: Customer, changed: dict[str, Any], field: str, code: str | None
) -> None:
    answer = await customer.post("/strategy/create", STRATEGY | changed)
    assert answer.status_code == 422, answer.text
    errors = {error["field"]: error for error in answer.json()["errors"]}
    assert set(errors) == {field}, errors
    assert code is None or errors[field]["code"] == code, errors
    assert len(errors[field]["message"]) > 10


async def test_wrong_terms_are_named_beside_what_else_is_wrong(customer: Customer) -> None:
    changed = {"quantity": 0, "trail": {"by": {"percent": 100}}, "target": {"price": 3000}}
    answer = await customer.post("/strategy/create", STRATEGY | changed)
    assert {error["field"] for error in answer.json()["errors"]} == {"quantity", "trail", "target"}
