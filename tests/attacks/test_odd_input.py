"""Odd numbers, texts and cursors are a 4xx that names the field, wherever they come in."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.postgres.engine import Store
from api.http.numbers import LARGEST_ID, whole_number
from services.auth.passwords import Passwords
from tests.api_world import KEYS, PASSWORD, STRATEGY, Customer, World, new_world
from tests.attacks.tenants import client_at, quick_passwords
from tests.browsers import Browser

HOOK = {"kind": "webhook", "address": "https://example.com/hook"}
BODIES: dict[str, dict[str, Any]] = {
    "POST /auth/register": {"email": "new@example.com", "password": PASSWORD},
    "POST /auth/login": {"email": "new@example.com", "password": PASSWORD, "code": "123456"},
    "POST /auth/refresh": {"refresh_token": "x"},
    "POST /auth/logout": {"refresh_token": "x"},
    "POST /auth/password": {"current_password": "a wrong one", "new_password": "three unrelated words"},
    "POST /auth/forgot": {"email": "new@example.com"},
    "POST /auth/reset": {"token": "x" * 43, "password": PASSWORD},
    "POST /auth/verify": {"token": "x" * 43},
    "DELETE /account": {"password": "a wrong one", "code": "123456"},
    "POST /auth/totp": {"password": "a wrong one"},
    "POST /auth/totp/confirm": {"code": "123456"},
    "DELETE /auth/totp": {"password": "a wrong one", "code": "123456"},
    "POST /broker/connect": KEYS,
    "POST /strategy/create": STRATEGY | {"exchange": "NSE", "product": "CNC", "on_stop": "exit"},
    "POST /strategy/check": STRATEGY | {"exchange": "NSE", "product": "CNC", "on_stop": "exit"},
    "PATCH /strategy/{strategy_id}": STRATEGY | {"exchange": "NSE", "product": "CNC", "on_stop": "exit"},
    "POST /strategy/start": {"strategy_id": str(uuid4())},
    "POST /strategy/{strategy_id}/skip": {"trading_day": "2026-12-01"},
    "POST /strategy/stop": {"strategy_id": str(uuid4()), "on_stop": "exit"},
    "POST /account/kill-switch": {"on": True, "exits": "keep", "reason": "out"},
    "PUT /account/limits": {"order_quantity": 1, "order_value": 1, "daily_loss": 1, "symbols": ["TCS"]}
    | {"daily_profit": 1, "trades_a_day": 1, "on_breach": "exit"},
    "POST /notices/channels": HOOK
    | {"tells": ["fill"], "subscription": Browser(HOOK["address"]).subscription},
    "PUT /notices/channels/{channel_id}": {"tells": ["fill"]},
}
"""Of each call with a body: one with every field."""
UNSTORABLE = ("\0", "a\0b", "\ud800", "x\udfff")


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    made = quick_passwords()
    yield made
    made.close()


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


# Numbers


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        ("000000001000000", 422),  # its first nine digits are one
        ("0000000000000000201", 422),
        ("0" * 8 + "201", 422),
        ("0" * 5000 + "50", 422),
        ("9" * 5000, 422),
        ("0" * 5000, 422),
        ("0", 422),
        ("00", 422),
        ("+5", 422),
        ("%205", 422),
        ("5%20", 422),
        ("5_0", 422),
        ("%D9%A3", 422),
        ("%EF%BC%95", 422),
        ("5%00", 422),
        ("1e1", 422),
        ("0x5", 422),
        ("00000000050", 200),
        ("200", 200),
    ],
)
async def test_a_limit_is_read_as_a_number(world: World, limit: str, status: int) -> None:
    customer = await world.customer()
    for path in ("/strategy", "/orders", "/notices", "/account/audit"):
        answer = await customer.get(f"{path}?limit={limit}")
        assert answer.status_code == status, answer.text
        assert status == 200 or answer.json()["errors"][0]["field"] == "limit"


async def test_no_limit_yields_more_rows_than_the_most(world: World) -> None:
    customer = await world.customer()
    for _ in range(3):
        await customer.create()
    assert len((await customer.get("/strategy?limit=0000000002")).json()["items"]) == 2


def test_whole_numbers_have_ascii_digits_and_not_too_many() -> None:
    assert whole_number("0000000000000000007", 200) == 7
    assert whole_number(str(LARGEST_ID), LARGEST_ID) == LARGEST_ID
    for text in (str(LARGEST_ID + 1), "0" * 21, "-1", "+1", "1.0", "", " 1", "1 ", "²", "٣", "１", "1\n"):
        assert whole_number(text, LARGEST_ID) is None, text


@pytest.mark.parametrize("last", ["9223372036854775808", "9" * 5000, "0" * 5000, "1" * 21, "-0"])
async def test_a_last_event_id_that_postgres_cannot_compare_is_a_422(world: World, last: str) -> None:
    customer = await world.trader()
    created = await customer.create()
    headers = customer.bearer | {"Last-Event-ID": last}
    answer = await world.http.get(f"/strategy/{created['strategy_id']}/events", headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


@pytest.mark.parametrize("length", ["9" * 5000, "1" * 21, "٣", "+5", "-1", "0x5", ""])
async def test_a_length_that_is_no_number_is_a_4xx(world: World, length: str) -> None:
    headers = {b"content-length": length.encode(), b"content-type": b"application/json"}
    answer = await world.http.post("/auth/login", content=b"{}", headers=headers)
    assert answer.status_code == 413


# Text


async def test_each_call_with_a_body_is_tried(world: World) -> None:
    with_bodies = {
        f"{method.upper()} {path}"
        for path, calls in world.app.openapi()["paths"].items()
        for method, call in calls.items()
        if "requestBody" in call
    }
    assert with_bodies == set(BODIES)


@pytest.mark.parametrize("call", sorted(BODIES))
async def test_text_without_a_form_in_postgres_is_a_422_in_every_field(world: World, call: str) -> None:
    customer = await world.trader()
    method, path = call.split(" ")
    way = re.sub(r"{\w+_id}", str(uuid4()), path)
    for name in BODIES[call]:
        for text in UNSTORABLE:
            for odd in (text, [text], {text: 1}, {"a": [text]}):
                raw = json.dumps(BODIES[call] | {name: odd}).encode()
                answer = await world.http.request(method, way, content=raw, headers=customer.bearer)
                assert answer.status_code == 422, (name, odd, answer.text)
                assert [error["field"] for error in answer.json()["errors"]] == [name]


@pytest.mark.parametrize("name", UNSTORABLE)
async def test_a_name_that_cannot_be_written_is_a_422_of_the_body(world: World, name: str) -> None:
    customer = await world.trader()
    for call, body in BODIES.items():
        method, path = call.split(" ")
        raw = json.dumps(body | {name: 1}).encode()
        way = re.sub(r"{\w+_id}", str(uuid4()), path)
        answer = await world.http.request(method, way, content=raw, headers=customer.bearer)
        assert answer.status_code == 422, call
        assert [error["field"] for error in answer.json()["errors"]] == ["body"], call


@pytest.mark.parametrize("depth", [400, 900, 3_000, 8_000])
async def test_nesting_however_deep_is_a_422(world: World, depth: int) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        raw = ('{"email": ' + opening * depth + "1" + closing * depth + "}")[: 16 * 1024]
        answer = await world.http.post("/auth/login", content=raw.encode())
        assert answer.status_code == 422


@pytest.mark.parametrize(
    "clock", ["0٩:30", "09:3０", "09:30:٠٠", "24:00", "09:60", "9:30", "09:30Z", "09:30\n"]
)
async def test_a_time_of_day_has_ascii_digits(world: World, clock: str) -> None:
    customer = await world.trader()
    answer = await customer.post("/strategy/create", STRATEGY | {"buy_time": clock})
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [
        ("buy_time", "not_a_time")
    ]


@pytest.mark.parametrize("token", ["%00", "a%0d%0ab", "a%20b", "%C3%BC", "%F0%9F%92%A9", "x" * 257, ""])
async def test_a_request_token_that_is_no_word_reaches_no_worker(world: World, token: str) -> None:
    customer = await world.trader()
    session = (await customer.get("/auth/sessions")).json()["items"][0]["id"]
    state = world.deps.tokens.login_state(await customer.id(), UUID(session))[0]
    answer = await world.http.get(f"/broker/callback?state={state}&request_token={token}")
    assert (answer.status_code, answer.json()["code"]) == (400, "login_failed")


@pytest.mark.parametrize("zone", ["eth0", "x" * 2000, "';--", "Ä"])
async def test_the_zone_of_an_address_is_not_kept(world: World, zone: str) -> None:
    http = client_at(world, f"fe80::1%{zone}")
    body = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    tokens = (await http.post("/auth/register", json=body)).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await http.get("/auth/sessions", headers=headers)).json()["items"][0]["ip"] == "fe80::1"


# Cursors


async def cursors_of(customer: Customer) -> dict[str, str]:
    """Return a cursor of each of a user's lists that has two rows."""
    made = [await customer.running() for _ in range(2)]
    for one in made:
        await customer.stop(one["strategy_id"])
    found = {}
    for path in ("/strategy", "/account/audit", f"/strategy/{made[0]['strategy_id']}/timeline"):
        following = (await customer.get(f"{path}?limit=1")).json()["next"]
        assert following, path
        found[path] = following
    return found


async def test_a_cursor_is_good_for_its_own_list_of_its_own_user(world: World) -> None:
    asha, ravi = await world.trader(), await world.trader()
    hers, his = await cursors_of(asha), await cursors_of(ravi)
    for path, cursor in hers.items():
        assert (await asha.get(path, params={"cursor": cursor})).status_code == 200
    for path in hers:
        for other, cursor in [*his.items(), *hers.items()]:
            if cursor != hers[path]:
                answer = await asha.get(path, params={"cursor": cursor})
                assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor"), (path, other)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "====",
        "%00",
        "%FF%FE",
        "٣",
        "A" * 6000,
        encoded("2026-11-29T00:00:00+00:00|00000000-0000-0000-0000-000000000000"),
        encoded("0001-01-01T00:00:00+14:00|00000000-0000-0000-0000-000000000000"),
        encoded("9999-12-31T23:59:59-14:00|00000000-0000-0000-0000-000000000000"),
        encoded("2026-11-29T00:00:00|00000000-0000-0000-0000-000000000000|0000000000000000"),
        encoded("event|9"),
        encoded("|"),
        encoded("\0|\0|\0"),
        encoded("9" * 300),
    ],
)
async def test_a_cursor_that_was_made_up_is_a_422(world: World, cursor: str) -> None:
    customer = await world.trader()
    strategy_id = (await customer.create())["strategy_id"]
    lists = ("/strategy", "/orders", "/notices", "/account/audit")
    for path in (*lists, f"/strategy/{strategy_id}/timeline", f"/strategy/{strategy_id}/orders"):
        answer = await customer.get(f"{path}?cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor"), path


async def test_a_user_who_makes_a_cursor_up_of_odd_instants_gets_a_422(world: World) -> None:
    """A user knows their own id, and can sign what they like for themselves."""
    from api.http.cursors import Cursors

    customer = await world.trader()
    mine = Cursors(await customer.id(), "strategies")
    nobody = "00000000-0000-0000-0000-000000000000"
    for place in (
        f"0001-01-01T00:00:00+14:00|{nobody}",
        f"9999-12-31T23:59:59-14:00|{nobody}",
        f"1999-12-31T00:00:00+00:00|{nobody}",
        f"2026-11-29T00:00:00|{nobody}",
        f"2026-11-29T00:00:00+00:00|{nobody[:-1]}",
        "|",
        "a|b|c",
    ):
        answer = await customer.get("/strategy", params={"cursor": mine._text(place)})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor"), place
