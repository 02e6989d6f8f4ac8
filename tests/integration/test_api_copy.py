"""Copying a strategy: what the copy has, under which key it is the same one, and what is refused."""

import asyncio
from collections import Counter
from dataclasses import replace

import httpx
import pytest

from adapters.postgres.engine import Store
from api.app import create_app
from services.auth.passwords import Passwords
from tests.api_world import Customer, World, json_of, new_world
from tests.edit_calls import PERCENT, audited, copy, edited, refusal, wrong

OWN = ("created_at", "strategy_id")


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


@pytest.fixture
async def customer(world: World) -> Customer:
    return await world.trader()


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
