"""What holds for every call: whose it is, how it fails, and what its answers carry."""

import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from adapters.postgres.engine import Store
from api.app import create_app
from domain.instrument import Instrument
from services.auth.passwords import Passwords
from tests.api_world import PASSWORD, Customer, World, json_of, new_world
from tests.fakes.instruments import MemoryInstruments
from tests.postgres import PostgresServer

OPEN = {
    "/auth/register",
    "/auth/login",
    "/auth/refresh",
    "/auth/forgot",
    "/auth/reset",
    "/auth/verify",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/broker/callback",
}


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


def routes(world: World) -> list[tuple[str, str]]:
    """Return every call of the OpenAPI document, so that a new one is covered or fails."""
    paths = world.app.openapi()["paths"]
    return [(method.upper(), path) for path, calls in paths.items() for method in calls]


async def call(world: World, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:
    return await world.http.request(method, path, json=body, **more)


async def test_every_call_needs_a_token_but_those_of_the_contract(world: World) -> None:
    every = routes(world)
    assert len(every) >= 25
    for method, path in every:
        answer = await call(world, method, path.replace("{strategy_id}", str(uuid4())))
        if path in OPEN:
            assert answer.status_code != 401, path
        else:
            assert answer.status_code == 401, path


async def test_what_changes_something_is_post_or_delete_with_a_bearer_token_and_nothing_else(
    world: World,
) -> None:
    document = world.app.openapi()
    assert {scheme["scheme"] for scheme in document["components"]["securitySchemes"].values()} == {"bearer"}
    safe_to_follow = {path for method, path in routes(world) if method == "GET"}
    assert {method for method, _ in routes(world)} == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    # The one link that changes something: Kite sends the browser back to it, with a state we signed.
    assert not safe_to_follow & {"/auth/logout", "/strategy/stop", "/strategy/start", "/broker/connect"}
    for method, path in routes(world):
        call_of = document["paths"][path][method.lower()]
        places = {item["in"] for item in call_of.get("parameters", [])}
        assert "cookie" not in places, path
        assert path in OPEN or call_of["security"] == [{"HTTPBearer": []}], path


async def test_reading_calls_change_nothing(world: World, database: str) -> None:
    customer = await world.trader()
    running = await customer.running()
    before = await everything(database)
    for method, path in routes(world):
        if method == "GET" and not path.endswith("/events"):
            await customer.get(path.replace("{strategy_id}", running["strategy_id"]))
    assert await everything(database) == before


async def test_cookies_are_neither_set_nor_heeded(world: World) -> None:
    customer = await world.customer()
    cookie = {"Cookie": f"access_token={customer.tokens['access_token']}; session=1"}
    answer = await world.http.get("/auth/me", headers=cookie)
    assert answer.status_code == 401
    login = {"email": customer.email, "password": PASSWORD}
    for one in (answer, await world.http.post("/auth/login", json=login)):
        assert "set-cookie" not in one.headers


async def everything(database: str) -> dict[str, list[str]]:
    """Return every row of every table, as text."""
    connection = await asyncpg.connect(database)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    names = [row["tablename"] for row in tables]
    rows = {name: await connection.fetch(f'SELECT t::text AS row FROM "{name}" t') for name in names}  # noqa: S608
    await connection.close()
    return {name: sorted(row["row"] for row in found) for name, found in rows.items()}


async def test_unknown_foreign_and_malformed_ids_get_the_same_answer_on_every_call(world: World) -> None:
    owner, thief = await world.trader(), await world.trader()
    running = await owner.running()
    mine = await thief.create()
    before = (await owner.get(f"/strategy/{running['strategy_id']}")).json()
    probed = 0
    for method, path in routes(world):
        if not path.startswith("/strategy/") or path in ("/strategy/create", "/strategy/check"):
            continue
        answers = []
        for strategy_id in (running["strategy_id"], str(uuid4()), "not-an-id", "%00", "'; --"):
            body = None if "{strategy_id}" in path else {"strategy_id": strategy_id, "on_stop": "exit"}
            if method == "PATCH":
                body = {}
            if path.endswith("/skip"):
                body = {"trading_day": "2030-01-07"}
            if path == "/strategy/start":
                body = {"strategy_id": strategy_id}
            if body and strategy_id not in (running["strategy_id"],) and len(strategy_id) != 36:
                continue
            address = path.replace("{strategy_id}", strategy_id)
            answers.append(await call(world, method, address, body, headers=thief.bearer))
        assert {answer.status_code for answer in answers} == {404}, (method, path)
        assert len({answer.content for answer in answers}) == 1, (method, path)
        probed += 1
    assert probed >= 7
    assert (await owner.get(f"/strategy/{running['strategy_id']}")).json() == before
    assert world.runs.stops == []
    listed = [item["strategy_id"] for item in (await thief.get("/strategy")).json()["items"]]
    assert listed == [mine["strategy_id"]]
    assert (await thief.get("/orders")).json()["items"] == []


async def test_own_id_is_answered_so_that_the_refusals_mean_something(world: World) -> None:
    owner = await world.trader()
    strategy_id = (await owner.create())["strategy_id"]
    for path in ("", "/orders", "/timeline"):
        assert (await owner.get(f"/strategy/{strategy_id}{path}")).status_code == 200


async def test_one_users_secrets_are_not_another_ones_login_link(world: World) -> None:
    await world.trader()
    other = await world.customer()
    answer = await other.get("/broker/login-url")
    assert (answer.status_code, answer.json()["code"]) == (409, "broker_not_connected")
    assert (await other.get("/broker")).json()["status"] == "none"


async def problems(world: World, customer: Customer) -> list[httpx.Response]:
    strategy_id = (await customer.create())["strategy_id"]
    return [
        await call(world, "GET", "/nowhere"),
        await call(world, "PUT", "/auth/login"),
        await call(world, "GET", "/strategy"),
        await customer.get(f"/strategy/{uuid4()}"),
        await customer.post("/strategy/create", {}),
        await customer.post("/strategy/create", {"symbol": "x" * 20_000}),
        await customer.stop(strategy_id),
        await customer.get("/strategy?limit=0"),
        await customer.get("/instruments?q="),
        await customer.get("/market/status?segment=moon"),
        await call(world, "GET", "/broker/callback?state=x&request_token=y"),
    ]


async def test_every_refusal_is_a_problem_document(world: World) -> None:
    customer = await world.trader()
    for answer in await problems(world, customer):
        assert answer.status_code >= 400
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert {"type", "title", "status", "detail", "code"} <= set(body)
        assert set(body) <= {"type", "title", "status", "detail", "code", "errors"}
        assert body["status"] == answer.status_code
        assert body["detail"].endswith((".", "…")) or ":" in body["detail"]
        for error in body.get("errors", []):
            assert set(error) == {"field", "code", "message"}


async def test_every_answer_carries_the_security_headers_and_an_id(world: World) -> None:
    customer = await world.trader()
    shell = await call(world, "GET", "/app")
    assert shell.headers["cache-control"] == "no-cache"  # nobody's secret: kept, and asked for again
    answers = [*await problems(world, customer), await customer.get("/broker")]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    for answer in (*answers, shell):
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


async def test_callers_request_id_comes_back_unless_it_is_not_one(world: World) -> None:
    given = await call(world, "GET", "/health/live", headers={"X-Request-Id": "phone-17"})
    assert given.headers["x-request-id"] == "phone-17"
    odd = await call(world, "GET", "/health/live", headers={"X-Request-Id": "a b\tc<script>"})
    assert re.fullmatch(r"[0-9a-f]{32}", odd.headers["x-request-id"])


async def test_a_requests_last_line_says_whose_it_was_and_about_what(world: World) -> None:
    customer = await world.trader()
    created = await customer.create()
    with capture_logs(processors=[merge_contextvars]) as logged:
        started = json_of(await customer.start(created["strategy_id"]))
        await customer.get(f"/strategy/{uuid4()}")
    first, second = [line for line in logged if line["event"] == "answered"]
    assert (first["user_id"], first["strategy_id"]) == (str(await customer.id()), created["strategy_id"])
    assert first["run_id"] == started["run_id"]
    assert first["request_id"] != second["request_id"]
    assert second["strategy_id"] != created["strategy_id"]
    assert "run_id" not in second, "what one request was about is not the next one's"


async def test_bug_is_answered_without_its_words(world: World) -> None:
    class Broken(MemoryInstruments):
        async def find(self, exchange: str, symbol: str) -> Instrument | None:
            raise RuntimeError("postgresql://stopwatch:hunter2@db/stopwatch")

    app = create_app(replace(world.deps, instruments=Broken()))
    customer = await world.customer()
    # Captured, not printed: to draw the values of every frame takes ten seconds, and nobody looks.
    with capture_logs() as logged:
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test")
        answer = await Customer(http, customer.email, customer.tokens).post(
            "/strategy/create",
            {"symbol": "TCS", "buy_time": "09:30", "sell_time": "15:00", "stop_loss": 1, "quantity": 1},
        )
    assert "unexpected error" in [line["event"] for line in logged]
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "hunter2" not in answer.text
    assert answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/problem+json"


async def test_origin_of_another_site_is_let_in_only_where_the_settings_name_it(
    store: Store, passwords: Passwords
) -> None:
    world = new_world(store, passwords, cors_origins=("https://app.example",))
    ask = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    named = await call(world, "OPTIONS", "/strategy", headers={"Origin": "https://app.example", **ask})
    other = await call(world, "OPTIONS", "/strategy", headers={"Origin": "https://evil.example", **ask})
    assert named.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in other.headers


async def test_docs_are_off_unless_asked_for(world: World) -> None:
    assert (await call(world, "GET", "/docs")).status_code == 200
    assert (await call(world, "GET", "/openapi.json")).status_code == 200
    app = create_app(replace(world.deps, docs=False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as http:
        for path in ("/docs", "/openapi.json", "/redoc"):
            assert (await http.get(path)).status_code == 404
        assert "/docs" not in (await http.get("/app")).text


async def test_openapi_says_that_prices_are_numbers_and_bodies_are_closed(world: World) -> None:
    document = (await call(world, "GET", "/openapi.json")).json()
    schemas = document["components"]["schemas"]
    sent = document["paths"]["/strategy/create"]["post"]["requestBody"]["content"]["application/json"]
    assert sent["schema"] == {"$ref": "#/components/schemas/StrategyIn"}
    body = schemas["StrategyIn"]
    assert {"type": "number", "exclusiveMinimum": 0} in body["properties"]["stop_loss"]["anyOf"]
    assert body["additionalProperties"] is False
    assert "$defs" not in str(document)
    distance = schemas["DistanceIn"]
    assert (set(distance["properties"]), distance["additionalProperties"]) == ({"percent", "points"}, False)
    assert all("additionalProperties" not in one for name, one in schemas.items() if name.endswith("Out"))
    answer = schemas["StrategyOut"]["properties"]
    assert answer["status"]["enum"] == ["created", "running", "stopped"]
    assert {"type": "number"} in answer["stop_loss"]["anyOf"]
    assert {"type": "number"} in answer["pnl"]["anyOf"]


async def test_ready_names_the_part_that_does_not_answer(world: World) -> None:
    async def gone() -> None:
        raise OSError("10.0.0.7:6379 refused")

    assert (await call(world, "GET", "/health/ready")).json() == {
        "status": "ok",
        "checks": {"postgres": "ok"},
    }
    app = create_app(replace(world.deps, checks={**world.deps.checks, "redis": gone}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as http:
        answer = await http.get("/health/ready")
        assert answer.status_code == 503
        assert [error["field"] for error in answer.json()["errors"]] == ["redis"]
        assert "10.0.0.7" not in answer.text
        assert (await http.get("/health/live")).status_code == 200


async def test_metrics_count_by_route_and_name_no_user_and_no_strategy(world: World) -> None:
    customer = await world.trader()
    strategy_id = (await customer.create())["strategy_id"]
    await customer.get(f"/strategy/{strategy_id}")
    text = (await call(world, "GET", "/metrics")).text
    assert 'route="/strategy/{strategy_id}",status="200"' in text
    for secret in (strategy_id, customer.email, str(await customer.id())):
        assert secret not in text


async def test_every_call_says_try_again_when_postgres_is_away(passwords: Passwords) -> None:
    server = await PostgresServer.started()
    store = Store.open(await server.new_database())
    world = new_world(store, passwords)
    try:
        customer = await world.trader()
        strategy_id = (await customer.create())["strategy_id"]
        await server.stop()
        for answer in (
            await customer.get("/strategy"),
            await customer.start(strategy_id),
            await customer.stop(strategy_id),
            await customer.post("/auth/login", {"email": customer.email, "password": "x" * 8}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        await server.start()
        assert (await customer.get("/strategy")).status_code == 200
    finally:
        await store.close()
        await server.close()
