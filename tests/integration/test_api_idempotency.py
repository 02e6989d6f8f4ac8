"""A create that is sent again, because its answer was lost, is the same strategy; on a real Postgres."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from adapters.postgres.engine import Store
from services.auth.passwords import Passwords
from tests.api_world import STRATEGY, Customer, json_of, new_world


@pytest.fixture
async def customer(store: Store, passwords: Passwords) -> Customer:
    return await new_world(store, passwords).customer()


async def create(who: Customer, key: str, **changed: object) -> httpx.Response:
    headers = {**who.bearer, "Idempotency-Key": key}
    return await who.http.post("/strategy/create", json=STRATEGY | changed, headers=headers)


async def listed(who: Customer) -> list[Any]:
    return list(json_of(await who.get("/strategy"))["items"])


async def test_the_same_request_under_its_key_is_the_same_strategy(customer: Customer) -> None:
    first, again = await create(customer, "k-1"), await create(customer, "k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(await listed(customer)) == 1
    assert [line["action"] for line in json_of(await customer.get("/account/audit"))["items"]].count(
        "strategy_create"
    ) == 1


async def test_many_at_once_under_one_key_are_one_strategy(customer: Customer) -> None:
    answers = await asyncio.gather(*(create(customer, "k-2") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["strategy_id"] for answer in answers}) == 1


async def test_another_strategy_under_a_used_key_is_refused(customer: Customer) -> None:
    await create(customer, "k-3")
    answer = await create(customer, "k-3", quantity=11)
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [
        ("Idempotency-Key", "key_reused")
    ]
    (one,) = await listed(customer)
    assert one["quantity"] == STRATEGY["quantity"]


async def test_a_key_is_its_users_own(store: Store, passwords: Passwords) -> None:
    world = new_world(store, passwords)
    asha, ravi = await world.customer(), await world.customer()
    hers, his = await create(asha, "same"), await create(ravi, "same")
    assert hers.json()["strategy_id"] != his.json()["strategy_id"]
    assert len(await listed(ravi)) == 1


@pytest.mark.parametrize("key", ["", "x" * 65, "tab\there"])
async def test_a_key_that_is_no_word_is_refused(customer: Customer, key: str) -> None:
    answer = await create(customer, key)
    assert answer.status_code == 422
    assert await listed(customer) == []


async def test_without_a_key_every_create_is_a_new_strategy(customer: Customer) -> None:
    await customer.create(), await customer.create()
    assert len(await listed(customer)) == 2


async def test_a_key_of_a_deleted_strategy_makes_no_id_again(customer: Customer) -> None:
    """Else the tags of its orders came back: a new sale would be found as the old one."""
    first = (await create(customer, "k-4")).json()
    assert (await customer.delete(f"/strategy/{first['strategy_id']}")).status_code == 204
    for changed in ({}, {"quantity": 11}):
        answer = await create(customer, "k-4", **changed)
        assert (answer.status_code, answer.json()["code"]) == (409, "key_used")
        assert "new key" in answer.json()["detail"]
    assert await listed(customer) == []
    assert (await create(customer, "k-5")).status_code == 201


async def test_no_id_comes_back_when_create_and_delete_race(store: Store, passwords: Passwords) -> None:
    world = new_world(store, passwords)
    customer = await world.customer()
    made = set()
    for number in range(30):
        first = (await create(customer, f"race-{number}")).json()["strategy_id"]
        again, deleted = await asyncio.gather(
            create(customer, f"race-{number}"), customer.delete(f"/strategy/{first}")
        )
        assert deleted.status_code == 204
        assert again.status_code in (201, 409), again.text
        assert await listed(customer) == []
        made.add(first)
    async with world.store.read() as session:
        kept = set(await session.scalars(text("SELECT strategy_id::text FROM used_strategy_ids")))
    assert made <= kept


async def test_postgres_itself_refuses_an_id_that_was_used(store: Store, passwords: Passwords) -> None:
    world = new_world(store, passwords)
    customer = await world.customer()
    made = await customer.create()
    copy = text("INSERT INTO strategies SELECT (jsonb_populate_record(NULL::strategies, :row)).*")
    async with world.store.work() as session:
        row = await session.scalar(text("SELECT to_jsonb(strategies)::text FROM strategies"))
    await customer.delete(f"/strategy/{made['strategy_id']}")
    with pytest.raises(IntegrityError, match="pk_used_strategy_ids"):
        async with world.store.work() as session:
            await session.execute(copy.bindparams(bindparam("row", json.loads(row), JSONB())))
