"""Bad input and bad clients: refused early, with the same words; and what the head of every answer says."""

import json
import re
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from adapters.postgres.all_tables import METADATA
from adapters.postgres.engine import Store
from api.app import create_app
from services.auth.passwords import Passwords
from tests.api_world import KEYS, PASSWORD, STRATEGY, World, new_world

EVIL = "evil.example"


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


def operations(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """Return method, address and description of every call of the document; what ends every login last."""
    paths = world.app.openapi()["paths"]
    found = [
        (method.upper(), re.sub(r"\{\w+_id\}", str(uuid4()), path), call)
        for path, calls in paths.items()
        for method, call in calls.items()
    ]
    return sorted(found, key=lambda call: call[:2] == ("DELETE", "/auth/sessions"))


# Fields


def valid_body(path: str, email: str) -> dict[str, Any]:
    credentials: dict[str, object] = {"email": email, "password": PASSWORD}
    bodies: dict[str, dict[str, Any]] = {
        "/auth/register": credentials | {"email": f"new-{email}"},
        "/auth/login": credentials,
        "/auth/refresh": {"refresh_token": "x"},
        "/auth/logout": {"refresh_token": "x"},
        "/broker/connect": KEYS,
        "/strategy/create": STRATEGY,
        "/strategy/start": {"strategy_id": str(uuid4())},
        "/strategy/stop": {"strategy_id": str(uuid4())},
    }
    return bodies.get(path, {})


async def test_no_column_of_the_database_is_a_field_of_a_call_that_does_not_name_it(world: World) -> None:
    customer = await world.trader()
    columns = {column.name for table in METADATA.tables.values() for column in table.columns}
    assert {"user_id", "status", "password_hash", "login_dead", "prev_hash"} <= columns
    schemas, tried = world.app.openapi()["components"]["schemas"], 0
    for method, path, call in operations(world):
        if "requestBody" not in call:
            continue
        named = call["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        fields = schemas[named]["properties"]
        extra = dict.fromkeys(columns - set(fields), "x")
        body = valid_body(path, customer.email) | extra
        answer = await world.http.request(method, path, json=body, headers=customer.bearer)
        assert answer.status_code == 422, path
        unknown = {error["field"] for error in answer.json()["errors"] if error["code"] == "unknown_field"}
        assert unknown == set(extra), path
        tried += 1
    assert tried >= 8
    assert (await customer.get("/strategy")).json()["items"] == []


NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "true",
    "false",
    "null",
    '"10"',
    "[10]",
    '{"$gt": 0}',
    "1e400",
    "-1e400",
    "1e-400",
    "1e99999999999999999999",
    "1e-99999999999999999999",
    "-0",
    "-0.0",
    "0",
    "0e5",
    "-10",
    "9" * 4000,
    "9" * 6000,
    "0x10",
    "1_0",
    "+10",
    "010",
    "10000001",
]


@pytest.mark.parametrize("field", ["stop_loss", "quantity"])
async def test_what_is_no_honest_number_is_a_422_that_names_the_field_or_the_body(
    world: World, field: str
) -> None:
    customer = await world.trader()
    for number in NUMBERS:
        rest = json.dumps({name: value for name, value in STRATEGY.items() if name != field})
        answer = await world.http.post(
            "/strategy/create",
            content=f'{rest[:-1]}, "{field}": {number}}}',
            headers=customer.bearer | {"Content-Type": "application/json"},
        )
        assert answer.status_code == 422, number[:30]
        assert {error["field"] for error in answer.json()["errors"]} <= {field, "body"}, number[:30]
    for fraction in ("10.5", "1e1", "10.0"):
        if field == "quantity":
            answer = await customer.post("/strategy/create", STRATEGY | {field: json.loads(fraction)})
            assert answer.status_code == 422, fraction
    assert (await customer.get("/strategy")).json()["items"] == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"[" * 15_000,
        b'{"a":' * 3_000,
        b'{"email": "a@b.example", "password": "x", "email": "c@d.example"}',
        b"\xff\xfe{}",
        b'{"email": "\\ud800@example.com", "password": "long enough"}',
        b'{"email": "a\\u0000@example.com", "password": "long enough"}',
    ],
)
async def test_what_is_not_one_plain_json_object_is_a_422(world: World, raw: bytes) -> None:
    answer = await world.http.post("/auth/login", content=raw)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_text_that_no_column_can_hold_is_refused_wherever_it_comes_in(world: World) -> None:
    customer = await world.trader()
    for path in (
        "/instruments?q=%00",
        "/strategy?cursor=%00",
        "/broker/callback?state=%00&request_token=%00",
    ):
        assert (await customer.get(path)).status_code in (200, 400, 422), path
    for token in ("\x00", "a\x00b", "\ud800"):
        raw = json.dumps({"refresh_token": token}).encode()
        answer = await world.http.post("/auth/refresh", content=raw)
        assert answer.status_code in (401, 422), repr(token)


# Headers


async def test_every_call_carries_every_security_header_whatever_it_answers(world: World) -> None:
    customer = await world.trader()
    seen = set()
    for method, path, _ in operations(world):
        if path.endswith("/events"):
            continue  # endless: its head is in test_api_events.py
        for headers in ({}, customer.bearer):
            for verb in (method, "PUT"):
                answer = await world.http.request(verb, path, headers=headers)
                seen.add(answer.status_code)
                assert_hardened(answer)
    assert seen >= {200, 401, 404, 405, 422}


async def test_an_unforeseen_error_carries_them_too(world: World) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("postgresql://stopwatch:hunter2@db/stopwatch")

    customer = await world.customer()
    world.instruments.search = broken  # type: ignore[method-assign,assignment]
    answer = await customer.get("/instruments?q=T")
    assert answer.status_code == 500
    assert_hardened(answer)


def assert_hardened(answer: httpx.Response) -> None:
    headers = answer.headers
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-request-id"]
    for absent in ("server", "x-powered-by", "access-control-allow-origin", "set-cookie"):
        assert absent not in headers


async def test_no_answer_repeats_the_host_that_the_client_names(world: World) -> None:
    customer = await world.trader()
    forged = {
        "Host": EVIL,
        "X-Forwarded-Host": EVIL,
        "X-Forwarded-Server": EVIL,
        "X-Original-URL": f"https://{EVIL}/",
        "X-Forwarded-Proto": "https",
        "Forwarded": f"host={EVIL};proto=https",
        "Origin": f"https://{EVIL}",
        "Referer": f"https://{EVIL}/",
    }
    session = (await customer.get("/auth/sessions")).json()["items"][0]["id"]
    state = world.deps.tokens.login_state(await customer.id(), UUID(session))[0]
    addresses = [("GET", f"/broker/callback?state={state}&request_token=x")]
    addresses += [(method, path) for method, path, _ in operations(world) if not path.endswith("/events")]
    addresses += [("GET", f"{path}/") for method, path in addresses if method == "GET"]
    addresses += [
        ("GET", "/app"),
        ("GET", "/docs"),
        ("GET", "/nowhere"),
        ("GET", f"//{EVIL}/"),
    ]
    redirects = 0
    for method, path in addresses:
        answer = await world.http.request(method, path, headers=customer.bearer | forged)
        redirects += answer.has_redirect_location
        assert EVIL not in answer.text, path
        assert EVIL not in str(answer.headers), path
        assert answer.headers.get("location", "/app").startswith("/app"), path
    assert redirects == 2  # the callback's, and that of an address that leads to the app: both are relative


async def test_no_route_takes_postbacks_so_that_a_forged_fill_changes_nothing(world: World) -> None:
    """The product learns of fills by asking; nobody is believed who calls."""
    customer = await world.trader()
    running = await customer.running()
    before = (await customer.get(f"/strategy/{running['strategy_id']}")).json()
    paths = world.app.openapi()["paths"]
    assert not [path for path in paths if "postback" in path or "webhook" in path]
    open_posts = {
        path for path, calls in paths.items() if "security" not in calls.get("post", {"security": 1})
    }
    assert open_posts == {
        *("/auth/register", "/auth/login", "/auth/refresh"),
        *("/auth/forgot", "/auth/reset", "/auth/verify"),
    }
    fill = {
        "user_id": "AB1234",
        "order_id": "1001",
        "status": "COMPLETE",
        "filled_quantity": 10,
        "average_price": 1,
        "tag": "x",
        "checksum": "0" * 64,
    }
    for path in (
        "/postback",
        "/broker/postback",
        "/kite/postback",
        "/webhook",
        "/broker/callback",
        "/orders",
    ):
        answer = await world.http.post(path, json=fill)
        assert answer.status_code in (404, 405), path
    assert (await customer.get(f"/strategy/{running['strategy_id']}")).json() == before
    assert (await customer.get("/orders")).json()["items"] == []


async def test_production_shows_neither_docs_nor_origins(world: World) -> None:
    app = create_app(replace(world.deps, docs=False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as http:
        for path in ("/docs", "/openapi.json", "/redoc", "/docs/oauth2-redirect"):
            assert (await http.get(path)).status_code == 404
        ask = {"Origin": f"https://{EVIL}", "Access-Control-Request-Method": "GET"}
        assert "access-control-allow-origin" not in (await http.options("/strategy", headers=ask)).headers
