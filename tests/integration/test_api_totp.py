"""The second factor: asked for once confirmed, each code accepted once, a way back without the phone."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import httpx
import pyotp
import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from services.auth.passwords import Passwords
from tests.api_world import PASSWORD, Customer, World, new_world

DUMPS = ("SELECT f::text FROM second_factors f", "SELECT c::text FROM recovery_codes c")
NOON = datetime(2026, 11, 26, 6, 30, 5, tzinfo=UTC)
HALF_MINUTE = timedelta(seconds=30)


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    made = new_world(store, passwords)
    made.clock.at = NOON
    return made


async def begun(customer: Customer) -> pyotp.TOTP:
    answer = await customer.post("/auth/totp", {"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return pyotp.TOTP(answer.json()["secret"])


async def turned_on(world: World, customer: Customer) -> tuple[pyotp.TOTP, list[str]]:
    """Turn codes on, and let half a minute pass, so that the next code is a new one."""
    app = await begun(customer)
    answer = await customer.post("/auth/totp/confirm", {"code": app.at(world.clock.now())})
    assert answer.status_code == 200, answer.text
    assert world.clock.at
    world.clock.at += HALF_MINUTE
    return app, answer.json()["recovery_codes"]


async def log_in(world: World, customer: Customer, **more: object) -> httpx.Response:
    body = {"email": customer.email, "password": PASSWORD, **more}
    return await world.http.post("/auth/login", json=body)


async def off(customer: Customer, password: str, code: str) -> httpx.Response:
    body = {"password": password, "code": code}
    return await customer.http.request("DELETE", "/auth/totp", json=body, headers=customer.bearer)


async def test_secret_comes_with_an_address_that_authenticator_apps_read(world: World) -> None:
    customer = await world.customer()
    made = (await customer.post("/auth/totp", {"password": PASSWORD})).json()
    uri = urlsplit(made["otpauth_uri"])
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert parse_qs(uri.query) == {"secret": [made["secret"]], "issuer": ["Stopwatch"]}
    assert len(made["secret"]) >= 32
    kind, picture = made["picture"].split(",", 1)
    assert kind.startswith("data:image/svg+xml")
    drawn = ElementTree.fromstring(unquote(picture))  # noqa: S314 - our own
    assert drawn.get("width") == drawn.get("height"), "a square"


async def test_nothing_is_asked_for_before_a_code_has_confirmed_the_secret(world: World) -> None:
    customer = await world.customer()
    app = await begun(customer)
    assert (await log_in(world, customer)).status_code == 200
    wrong = await customer.post("/auth/totp/confirm", {"code": app.at(NOON + timedelta(hours=1))})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_code")
    assert (await customer.get("/auth/me")).json()["totp"] is False


async def test_login_asks_for_a_code_once_they_are_on(world: World) -> None:
    customer = await world.customer()
    app, _ = await turned_on(world, customer)
    assert (await customer.get("/auth/me")).json()["totp"] is True
    without = await log_in(world, customer)
    assert (without.status_code, without.json()["code"]) == (401, "code_needed")
    wrong = await log_in(world, customer, code="000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_code")
    stranger = await log_in(world, customer, password="not the password", code=app.at(world.clock.now()))
    assert (stranger.status_code, stranger.json()["code"]) == (401, "wrong_login")
    right = await log_in(world, customer, code=app.at(world.clock.now()))
    assert right.status_code == 200


async def test_code_is_accepted_once_also_by_twenty_at_once(world: World) -> None:
    customer = await world.customer()
    app, _ = await turned_on(world, customer)
    code = app.at(world.clock.now())
    answers = await asyncio.gather(*(log_in(world, customer, code=code) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7]
    assert (await log_in(world, customer, code=app.at(world.clock.now() - HALF_MINUTE))).status_code == 401


@pytest.mark.parametrize(("away", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
async def test_code_of_the_half_minute_beside_is_taken_and_no_other(
    world: World, away: int, status: int
) -> None:
    customer = await world.customer()
    app, _ = await turned_on(world, customer)
    world.clock.at = NOON + 10 * HALF_MINUTE
    answer = await log_in(world, customer, code=app.at(world.clock.at + away * HALF_MINUTE))
    assert answer.status_code == status


async def test_recovery_code_stands_in_for_the_phone_once_and_only_for_its_user(world: World) -> None:
    customer, other = await world.customer(), await world.customer()
    _, recovery = await turned_on(world, customer)
    await turned_on(world, other)
    assert len(set(recovery)) == 10
    assert (await log_in(world, other, code=recovery[0])).status_code == 401
    assert (await log_in(world, customer, code=recovery[0].upper().replace("-", " "))).status_code == 200
    assert (await log_in(world, customer, code=recovery[0])).status_code == 401
    assert (await log_in(world, customer, code=recovery[1])).status_code == 200


async def test_codes_are_turned_off_with_password_and_code_only(world: World) -> None:
    customer = await world.customer()
    app, recovery = await turned_on(world, customer)
    assert (await off(customer, "not the password", recovery[0])).status_code == 422
    assert (await off(customer, PASSWORD, "000000")).status_code == 422
    assert (await log_in(world, customer)).status_code == 401
    assert (await off(customer, PASSWORD, app.at(world.clock.now()))).status_code == 204
    assert (await log_in(world, customer)).status_code == 200
    again = await off(customer, PASSWORD, recovery[0])
    assert (again.status_code, again.json()["code"]) == (409, "totp_off")


async def test_stolen_access_token_alone_turns_no_codes_on_and_replaces_none(world: World) -> None:
    customer = await world.customer()
    stolen = await customer.post("/auth/totp", {"password": "not the password"})
    assert (stolen.status_code, stolen.json()["code"]) == (422, "wrong_password")
    app, _ = await turned_on(world, customer)
    again = await customer.post("/auth/totp", {"password": PASSWORD})
    assert (again.status_code, again.json()["code"]) == (409, "totp_on")
    assert (await log_in(world, customer, code=app.at(world.clock.now()))).status_code == 200


async def test_secret_is_stored_sealed_for_its_row_and_recovery_codes_work_when_it_does_not_open(
    world: World,
) -> None:
    customer, other = await world.customer(), await world.customer()
    app, recovery = await turned_on(world, customer)
    other_app, other_recovery = await turned_on(world, other)
    async with world.store.work() as session:
        rows = str([list(await session.execute(text(query))) for query in DUMPS])
        swap = text(
            "UPDATE second_factors SET secret = (SELECT secret FROM second_factors WHERE user_id = :a)"
        )
        await session.execute(swap, {"a": await customer.id()})
    assert app.secret not in rows
    assert app.secret.encode().hex() not in rows
    assert recovery[0] not in rows
    for one in (app, other_app):
        answer = await log_in(world, other, code=one.at(world.clock.now()))
        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_code")
    assert (await log_in(world, other, code=other_recovery[0])).status_code == 200
