"""Where somebody is logged in, and how that ends: for one device, for all, by a new password."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from adapters.postgres.engine import Store
from adapters.postgres.logins import MOST_LOGINS, Device, Logins
from services.auth.passwords import Passwords
from services.auth.tokens import ROTATION_GRACE
from tests.api_world import PASSWORD, Customer, World, new_world

NEW_PASSWORD = "three unrelated words"


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


async def logged_in(world: World, customer: Customer, agent: str = "phone") -> Customer:
    """Return the customer at another device."""
    body = {"email": customer.email, "password": PASSWORD}
    answer = await world.http.post("/auth/login", json=body, headers={"User-Agent": agent})
    assert answer.status_code == 200, answer.text
    return Customer(world.http, customer.email, answer.json())


async def sessions(customer: Customer) -> list[dict[str, Any]]:
    answer = await customer.get("/auth/sessions")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def changed(customer: Customer, current: str, new: str) -> httpx.Response:
    return await customer.post("/auth/password", {"current_password": current, "new_password": new})


async def lives(customer: Customer) -> bool:
    """Tell whether both tokens of a device still work; they live and die together."""
    access = (await customer.get("/auth/me")).status_code == 200
    body = {"refresh_token": customer.tokens["refresh_token"]}
    answer = await customer.http.post("/auth/refresh", json=body)
    assert access == (answer.status_code == 200)
    return access


async def test_sessions_show_where_somebody_is_logged_in_and_which_is_this_one(world: World) -> None:
    laptop = await world.customer()
    phone = await logged_in(world, laptop, "Stopwatch/1.0 (Android 16)\t" + "x" * 300)
    await world.customer()
    listed = await sessions(phone)
    assert [item["current"] for item in listed] == [True, False]
    assert listed[0]["user_agent"].startswith("Stopwatch/1.0 (Android 16)")
    assert len(listed[0]["user_agent"]) <= 120
    assert listed[0]["ip"] == "127.0.0.1"
    assert set(listed[0]) == {"id", "created_at", "last_used_at", "ip", "user_agent", "current"}


async def test_session_says_when_it_was_renewed_last(world: World) -> None:
    customer = await world.customer()
    before = (await sessions(customer))[0]
    await world.http.post("/auth/refresh", json={"refresh_token": customer.tokens["refresh_token"]})
    after = (await sessions(customer))[0]
    assert after["id"] == before["id"]
    assert after["last_used_at"] > before["last_used_at"]
    assert after["created_at"] == before["created_at"]


async def test_one_device_is_logged_out_by_another(world: World) -> None:
    laptop = await world.customer()
    phone = await logged_in(world, laptop)
    other = next(item for item in await sessions(laptop) if not item["current"])
    assert (await laptop.delete(f"/auth/sessions/{other['id']}")).status_code == 204
    assert not await lives(phone)
    assert await lives(laptop)
    assert [item["id"] for item in await sessions(laptop)] != [other["id"]]
    again = await laptop.delete(f"/auth/sessions/{other['id']}")
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


async def test_session_of_another_user_is_as_unknown_as_any(world: World) -> None:
    owner, thief = await world.customer(), await world.customer()
    theirs = (await sessions(owner))[0]["id"]
    answers = [
        await thief.delete(f"/auth/sessions/{session_id}")
        for session_id in (theirs, str(uuid4()), "not-an-id", "%00")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert await lives(owner)


async def test_logging_out_everywhere_ends_every_device_of_this_user_and_nobody_elses(world: World) -> None:
    laptop, stranger = await world.customer(), await world.customer()
    phone = await logged_in(world, laptop)
    assert (await phone.delete("/auth/sessions")).status_code == 204
    assert not await lives(laptop)
    assert not await lives(phone)
    assert await lives(stranger)


async def test_new_password_ends_every_login_and_opens_one(world: World) -> None:
    laptop = await world.customer()
    phone = await logged_in(world, laptop)
    answer = await changed(phone, PASSWORD, NEW_PASSWORD)
    assert answer.status_code == 200
    assert not await lives(laptop)
    assert not await lives(phone)
    assert await lives(Customer(world.http, laptop.email, answer.json()))
    for password, status in ((PASSWORD, 401), (NEW_PASSWORD, 200)):
        body = {"email": laptop.email, "password": password}
        assert (await world.http.post("/auth/login", json=body)).status_code == status


@pytest.mark.parametrize(
    ("current", "new", "field", "code"),
    [
        ("not the password", NEW_PASSWORD, "current_password", "wrong_password"),
        (PASSWORD, PASSWORD, "new_password", "same_password"),
        (PASSWORD, "Password123", "new_password", "easy_password"),
        (PASSWORD, "short", "new_password", "password_length"),
    ],
)
async def test_password_is_not_changed_when_a_word_is_wrong(
    world: World, current: str, new: str, field: str, code: str
) -> None:
    customer = await world.customer()
    answer = await changed(customer, current, new)
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert await lives(customer)


async def test_password_changed_twice_at_once_is_changed_once(world: World) -> None:
    customer = await world.customer()
    words = ("one of two new words", "other of two new words")
    answers = await asyncio.gather(*(changed(customer, PASSWORD, new) for new in words))
    assert sorted(answer.status_code for answer in answers) == [200, 422]


@pytest.mark.parametrize(
    "word", ["password", "PassWord@123", "12345678", "qwertyuiop", "asha.rao@example.com"]
)
async def test_password_that_is_guessed_first_is_refused(world: World, word: str) -> None:
    body = {"email": "asha.rao@example.com", "password": word}
    answer = await world.http.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "easy_password")


async def test_twenty_refreshes_at_once_do_not_fork(world: World) -> None:
    customer = await world.customer()
    body = {"refresh_token": customer.tokens["refresh_token"]}
    answers = await asyncio.gather(*(world.http.post("/auth/refresh", json=body) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert len(await sessions(customer)) == 1


async def test_stolen_refresh_token_ends_access_tokens_too_once_it_is_used_again(world: World) -> None:
    world.clock.at = datetime.now(UTC)
    customer = await world.customer()
    body = {"refresh_token": customer.tokens["refresh_token"]}
    thief = Customer(world.http, customer.email, (await world.http.post("/auth/refresh", json=body)).json())
    assert (await thief.get("/auth/me")).status_code == 200
    world.clock.at += ROTATION_GRACE + timedelta(seconds=1)
    assert (await world.http.post("/auth/refresh", json=body)).status_code == 401
    assert not await lives(thief)
    assert (await customer.get("/auth/me")).status_code == 401


async def test_refresh_in_flight_does_not_outlive_a_new_password(world: World) -> None:
    customer = await world.customer()
    body = {"refresh_token": customer.tokens["refresh_token"]}
    pair, *renewed = await asyncio.gather(
        changed(customer, PASSWORD, NEW_PASSWORD),
        *(world.http.post("/auth/refresh", json=body) for _ in range(10)),
    )
    assert pair.status_code == 200
    for answer in renewed:
        if answer.status_code == 200:
            assert not await lives(Customer(world.http, customer.email, answer.json()))


async def test_the_least_used_of_a_hundred_logins_ends_when_one_more_is_opened(world: World) -> None:
    customer = await world.customer()
    user_id = await customer.id()
    now = world.clock.now()
    async with world.store.work() as session:
        logins = Logins(session)
        for number in range(MOST_LOGINS - 1):
            await logins.open(user_id, bytes([number]), now.replace(year=now.year + 1), Device(), now)
    phone = await logged_in(world, customer)
    assert len(await sessions(phone)) == MOST_LOGINS
    assert not await lives(customer)
