"""Who gets in, and who does not."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from services.auth.passwords import Passwords
from tests.api_world import PASSWORD, World, new_world

DUMPS = ("SELECT users::text FROM users", "SELECT sessions::text FROM sessions")


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


async def test_register_returns_a_token_pair_that_works(world: World) -> None:
    answer = await world.http.post(
        "/auth/register", json={"email": " Asha@Example.COM ", "password": PASSWORD}
    )
    assert answer.status_code == 201
    pair = answer.json()
    assert set(pair) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (pair["token_type"], pair["expires_in"]) == ("bearer", 900)
    me = await world.http.get("/auth/me", headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert me.json()["email"] == "asha@example.com"


@pytest.mark.parametrize(
    "email",
    ["", "a", "a@", "@b.com", "a@b", "a b@c.com", "a@b..com", "a@-b.com", "x" * 250 + "@b.com", 5, None],
)
async def test_email_that_is_none_is_refused(world: World, email: object) -> None:
    answer = await world.http.post("/auth/register", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["email"]


@pytest.mark.parametrize("email", ["a+b@c.test", "a@host.local", "a@192.168.0.1", "asha@müller.de"])
async def test_email_of_a_closed_network_is_taken(world: World, email: str) -> None:
    body = {"email": email, "password": PASSWORD}
    pair = (await world.http.post("/auth/register", json=body)).json()
    me = await world.http.get("/auth/me", headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert me.json()["email"] == email
    assert (await world.http.post("/auth/login", json=body)).status_code == 200


async def test_email_is_taken_whatever_its_case(world: World) -> None:
    customer = await world.customer()
    again = {"email": customer.email.upper(), "password": "another password"}
    answer = await world.http.post("/auth/register", json=again)
    assert answer.status_code == 409
    assert answer.json()["code"] == "email_taken"


async def test_nobody_registers_where_it_is_closed_and_who_has_an_account_logs_in(
    store: Store, passwords: Passwords
) -> None:
    customer = await new_world(store, passwords).customer()
    closed = new_world(store, passwords, registration=False)
    body = {"email": "somebody@example.com", "password": PASSWORD}
    answer = await closed.http.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "registration_closed")
    again = await closed.http.post("/auth/login", json={"email": customer.email, "password": PASSWORD})
    assert again.status_code == 200
    assert (await closed.http.post("/auth/login", json=body)).status_code == 401


async def test_login_with_wrong_password_and_unknown_email_look_the_same(world: World) -> None:
    customer = await world.customer()
    wrong = await world.http.post("/auth/login", json={"email": customer.email, "password": "not this one"})
    unknown = await world.http.post(
        "/auth/login", json={"email": "nobody@example.com", "password": "not this one"}
    )
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content
    right = await world.http.post("/auth/login", json={"email": customer.email, "password": PASSWORD})
    assert right.status_code == 200


@pytest.mark.parametrize("length", [0, 7, 129, 10_000])
async def test_password_of_a_wrong_length_is_refused_before_it_is_hashed(world: World, length: int) -> None:
    body = {"email": "a@example.com", "password": "x" * length}
    answer = await world.http.post("/auth/register", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["password"]


@pytest.mark.parametrize("length", [8, 128])
async def test_password_of_8_to_128_characters_is_taken(world: World, length: int) -> None:
    body = {"email": f"{length}@example.com", "password": "ऋ" * length}
    assert (await world.http.post("/auth/register", json=body)).status_code == 201
    assert (await world.http.post("/auth/login", json=body)).status_code == 200


async def test_refresh_rotates_and_the_family_goes_on(world: World) -> None:
    customer = await world.customer()
    tokens = [customer.tokens["refresh_token"]]
    for _ in range(3):
        answer = await world.http.post("/auth/refresh", json={"refresh_token": tokens[-1]})
        assert answer.status_code == 200
        tokens.append(answer.json()["refresh_token"])
    assert len(set(tokens)) == 4


async def test_retried_refresh_gets_the_same_successor_when_the_answer_was_lost(world: World) -> None:
    customer = await world.customer()
    body = {"refresh_token": customer.tokens["refresh_token"]}
    first = await world.http.post("/auth/refresh", json=body)
    second = await world.http.post("/auth/refresh", json=body)
    assert first.status_code == second.status_code == 200
    assert first.json()["refresh_token"] == second.json()["refresh_token"]


async def test_old_refresh_token_ends_the_family_when_it_is_used_later(world: World) -> None:
    customer = await world.customer()
    world.clock.at = datetime.now(UTC)
    old = {"refresh_token": customer.tokens["refresh_token"]}
    new = {"refresh_token": (await world.http.post("/auth/refresh", json=old)).json()["refresh_token"]}
    world.clock.at += timedelta(seconds=11)
    thief = await world.http.post("/auth/refresh", json=old)
    owner = await world.http.post("/auth/refresh", json=new)
    assert (thief.status_code, owner.status_code) == (401, 401)
    login = {"email": customer.email, "password": PASSWORD}
    assert (await world.http.post("/auth/login", json=login)).status_code == 200


async def test_old_refresh_token_ends_the_family_when_its_successor_was_used(world: World) -> None:
    customer = await world.customer()
    old = {"refresh_token": customer.tokens["refresh_token"]}
    new = {"refresh_token": (await world.http.post("/auth/refresh", json=old)).json()["refresh_token"]}
    newest = {"refresh_token": (await world.http.post("/auth/refresh", json=new)).json()["refresh_token"]}
    assert (await world.http.post("/auth/refresh", json=old)).status_code == 401
    assert (await world.http.post("/auth/refresh", json=newest)).status_code == 401


async def test_login_ends_after_thirty_days_however_often_it_was_renewed(world: World) -> None:
    customer = await world.customer()
    refresh = {"refresh_token": customer.tokens["refresh_token"]}
    start = datetime.now(UTC)
    for day in (10, 20, 29):
        world.clock.at = start + timedelta(days=day)
        answer = await world.http.post("/auth/refresh", json=refresh)
        refresh = {"refresh_token": answer.json()["refresh_token"]}
    world.clock.at = start + timedelta(days=31)
    assert (await world.http.post("/auth/refresh", json=refresh)).status_code == 401


async def test_logout_ends_this_login_only(world: World) -> None:
    customer = await world.customer()
    login = {"email": customer.email, "password": PASSWORD}
    phone = (await world.http.post("/auth/login", json=login)).json()
    gone = {"refresh_token": customer.tokens["refresh_token"]}
    assert (await customer.post("/auth/logout", gone)).status_code == 204
    assert (await customer.post("/auth/logout", gone)).status_code == 204
    assert (await world.http.post("/auth/refresh", json=gone)).status_code == 401
    kept = {"refresh_token": phone["refresh_token"]}
    assert (await world.http.post("/auth/refresh", json=kept)).status_code == 200


async def test_logout_does_not_end_the_login_of_another_user(world: World) -> None:
    customer, other = await world.customer(), await world.customer()
    body = {"refresh_token": other.tokens["refresh_token"]}
    assert (await customer.post("/auth/logout", body)).status_code == 204
    assert (await world.http.post("/auth/refresh", json=body)).status_code == 200


async def test_no_secret_of_a_login_is_stored_in_clear(world: World) -> None:
    customer = await world.customer()
    async with world.store.read() as session:
        rows = [list(await session.execute(text(query))) for query in DUMPS]
    assert rows[0]
    assert rows[1]
    shown = str(rows)
    assert PASSWORD not in shown
    assert customer.tokens["refresh_token"] not in shown
