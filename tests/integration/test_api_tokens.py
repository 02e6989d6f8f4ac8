"""Access tokens: what is let in, for how long, and in which words everything else is refused."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from adapters.postgres.engine import Store
from adapters.secrets.derived_keys import TotpBox
from adapters.secrets.vault import LoginKeyBox
from services.auth.passwords import Passwords
from services.auth.revoked_logins import LOOK_SECONDS, RevokedLogins
from services.auth.tokens import Tokens
from tests.api_world import JWT_SECRET, PASSWORD, Customer, World, new_world
from tests.bad_tokens import KEY_ID, bad_tokens, token

NEW_SECRET = "the secret that comes after the one of all tests before"


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


def signed_with(setting: str) -> dict[str, Any]:
    """Return the parts of an API process with this STOPWATCH_JWT_SECRET."""
    return {
        "tokens": Tokens(setting),
        "login_keys": LoginKeyBox(setting),
        "totp_secrets": TotpBox(setting),
    }


def bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


async def test_good_token_is_let_in_so_that_the_table_of_bad_ones_means_something(world: World) -> None:
    customer = await world.customer()
    good = token(sub=str(await customer.id()))
    answer = await world.http.get("/auth/me", headers=bearer(good))
    assert answer.status_code == 200
    assert answer.json()["email"] == customer.email


async def test_bad_token_is_refused_always_in_the_same_words(world: World) -> None:
    customer, gone = await world.trader(), await world.customer()
    await gone.post("/auth/logout", {"refresh_token": gone.tokens["refresh_token"]})
    link = (await customer.get("/broker/login-url")).json()["url"]
    table = bad_tokens(
        refresh_token=customer.tokens["refresh_token"],
        state=link.rpartition("state=")[2],
        ended=gone.tokens["access_token"],
    )
    assert len(table) >= 40
    nobody = await world.http.get("/strategy")
    for kind, bad in table.items():
        answer = await world.http.get("/strategy", headers=bearer(bad))
        assert answer.status_code == nobody.status_code == 401, kind
        assert answer.content == nobody.content, kind
        same = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        assert same == {name: nobody.headers[name] for name in same}, kind
        assert answer.headers["content-type"] == "application/problem+json"


async def test_access_token_is_no_refresh_token_and_no_state(world: World) -> None:
    customer = await world.customer()
    access_token = customer.tokens["access_token"]
    refreshed = await world.http.post("/auth/refresh", json={"refresh_token": access_token[:256]})
    assert refreshed.status_code == 401
    back = await world.http.get(f"/broker/callback?state={access_token}&request_token=t")
    assert (back.status_code, back.json()["code"]) == (400, "invalid_state")


async def test_tokens_and_boxes_of_the_older_secret_work_until_it_is_removed(
    store: Store, passwords: Passwords
) -> None:
    before = new_world(store, passwords)
    customer = await before.trader()
    both = new_world(store, passwords, **signed_with(f"{NEW_SECRET},{JWT_SECRET}"))
    moved = Customer(both.http, customer.email, customer.tokens)
    assert (await moved.get("/auth/me")).status_code == 200
    assert (await moved.get("/broker/login-url")).status_code == 200
    renewed = await both.http.post("/auth/refresh", json={"refresh_token": customer.tokens["refresh_token"]})
    after = new_world(store, passwords, **signed_with(NEW_SECRET))
    old = Customer(after.http, customer.email, customer.tokens)
    new = Customer(after.http, customer.email, renewed.json())
    assert (await old.get("/auth/me")).status_code == 401
    assert (await new.get("/auth/me")).status_code == 200
    assert (await new.get("/broker/login-url")).json()["code"] == "connect_again"


async def test_login_link_survives_the_old_secret_once_a_morning_login_has_renewed_it(
    store: Store, passwords: Passwords
) -> None:
    customer = await new_world(store, passwords).trader()
    both = new_world(store, passwords, **signed_with(f"{NEW_SECRET},{JWT_SECRET}"))
    moved = Customer(both.http, customer.email, customer.tokens)
    assert (await moved.post("/broker/connect", {"access_token": "good-token"})).status_code == 200
    login = await both.http.post("/auth/login", json={"email": customer.email, "password": PASSWORD})
    after = new_world(store, passwords, **signed_with(NEW_SECRET))
    assert (await Customer(after.http, customer.email, login.json()).get("/broker/login-url")).is_success


async def test_retried_refresh_does_not_fork_while_secrets_are_being_changed(
    store: Store, passwords: Passwords
) -> None:
    before = new_world(store, passwords)
    customer = await before.customer()
    body = {"refresh_token": customer.tokens["refresh_token"]}
    first = await before.http.post("/auth/refresh", json=body)
    both = new_world(store, passwords, **signed_with(f"{NEW_SECRET},{JWT_SECRET}"))
    second = await both.http.post("/auth/refresh", json=body)
    assert second.json()["refresh_token"] == first.json()["refresh_token"]


async def test_logout_is_heard_of_by_another_process_within_a_second(
    store: Store, passwords: Passwords
) -> None:
    here, there = new_world(store, passwords), new_world(store, passwords)
    customer = await here.customer()
    elsewhere = Customer(there.http, customer.email, customer.tokens)
    assert (await elsewhere.get("/auth/me")).status_code == 200
    await customer.post("/auth/logout", {"refresh_token": customer.tokens["refresh_token"]})
    assert (await customer.get("/auth/me")).status_code == 401
    _look_again(there)
    assert (await elsewhere.get("/auth/me")).status_code == 401
    assert LOOK_SECONDS <= 1


async def test_many_calls_at_once_look_once_for_ended_logins(store: Store) -> None:
    looks = 0

    class Counted:
        def statement(self) -> Any:
            nonlocal looks
            looks += 1
            return store.statement()

    ended = RevokedLogins(Counted())  # type: ignore[arg-type]
    answers = await asyncio.gather(*(ended.has(uuid4()) for _ in range(500)))
    assert not any(answers)
    assert looks == 1


async def test_login_link_of_an_ended_login_is_of_no_use(world: World) -> None:
    customer = await world.trader()
    link = (await customer.get("/broker/login-url")).json()["url"]
    await customer.post("/auth/logout", {"refresh_token": customer.tokens["refresh_token"]})
    back = await world.http.get(f"/broker/callback?state={link.rpartition('state=')[2]}&request_token=t")
    assert (back.status_code, back.json()["code"]) == (400, "invalid_state")
    assert world.logins.asked == []


def test_token_names_its_secret_and_tells_nothing_of_it() -> None:
    tokens = Tokens(f"{NEW_SECRET},{JWT_SECRET}")
    assert KEY_ID not in tokens.access(uuid4(), uuid4())
    assert JWT_SECRET not in repr(tokens)


def _look_again(world: World) -> None:
    # As if half a second had passed.
    looked_at = world.deps.revoked_logins._looked_at
    assert looked_at is not None
    world.deps.revoked_logins._looked_at = looked_at - LOOK_SECONDS
