"""Connecting a broker account, the morning login, and what never comes out again."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from sqlalchemy import text

from adapters.kite.egress import Egress
from adapters.postgres.engine import Store
from domain.broker_login import LoginResult, LoginStatus
from domain.strategy import Outcome, Position
from services.auth.passwords import Passwords
from tests.api_world import KEYS, World, new_world
from tests.fakes.edge import KnownLogin


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


async def test_connect_checks_at_the_broker_and_shows_whose_account_it_is(world: World) -> None:
    customer = await world.customer()
    world.clock.at = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)  # 08:30 in India
    answer = await customer.post("/broker/connect", KEYS)
    assert answer.status_code == 200
    assert answer.json() == {
        "broker": "zerodha",
        "broker_user_id": "AB1234",
        "user_name": "Asha Rao",
        "status": "connected",
        "connected_at": "2026-11-23T08:30:00+05:30",
        "token_expires_at": "2026-11-24T06:00:00+05:30",
        "warnings": [],
    }
    assert (await customer.get("/broker")).json() == answer.json()


@pytest.mark.parametrize(("quotes", "warned"), [(False, True), (None, False), (True, False)])
async def test_an_account_without_market_data_is_warned_at_connect_and_at_start(
    world: World, quotes: bool | None, warned: bool
) -> None:
    world.kite.quotes = quotes
    customer = await world.customer()
    connected = (await customer.post("/broker/connect", KEYS)).json()
    started = await customer.running(buy_time="23:58", sell_time="23:59")
    for answer in (connected, (await customer.get("/broker")).json(), started):
        assert any("no market data" in warning for warning in answer["warnings"]) == warned


async def test_a_login_whose_probe_failed_says_nothing_of_what_was_known(world: World) -> None:
    customer = await world.customer()
    for quotes, warnings in ((False, 1), (None, 1), (True, 0), (None, 0)):
        world.kite.quotes = quotes
        answer = await customer.post("/broker/connect", KEYS)
        assert len(answer.json()["warnings"]) == warnings


async def test_connect_with_a_request_token_exchanges_it(world: World) -> None:
    customer = await world.customer()
    body = {"api_key": "kite-key", "api_secret": "kite-secret", "request_token": "good-token"}
    assert (await customer.post("/broker/connect", body)).status_code == 200
    stored = await sealed(world)
    user = await customer.id()
    assert (
        await world.opener.open(stored["access_token"], user_id=user, field="access_token")
        == "from-good-token"
    )
    assert await world.opener.open(stored["api_secret"], user_id=user, field="api_secret") == "kite-secret"
    assert await world.opener.open(stored["api_key"], user_id=user, field="api_key") == "kite-key"


async def test_secrets_are_stored_sealed_and_never_answered(world: World) -> None:
    customer = await world.customer()
    answers = [await customer.post("/broker/connect", KEYS), await customer.get("/broker")]
    stored = str(await sealed(world))
    for secret in KEYS.values():
        assert secret not in stored
        assert all(secret not in answer.text for answer in answers)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"access_token"}),
        ({"api_key": "k", "api_secret": "s"}, {"access_token"}),
        ({"api_key": "k", "access_token": "t"}, {"api_secret"}),
        ({"api_secret": "s", "access_token": "t"}, {"api_key"}),
        ({"access_token": "t", "request_token": "r"}, {"request_token"}),
        ({**KEYS, "api_key": ""}, {"api_key"}),
        ({**KEYS, "api_key": "with space"}, {"api_key"}),
        ({**KEYS, "access_token": "a\r\nX-Header: b"}, {"access_token"}),
        ({**KEYS, "api_secret": 5}, {"api_secret"}),
        ({**KEYS, "api_secret": "s" * 300, "api_key": "ключ"}, {"api_secret", "api_key"}),
        ({**KEYS, "broker": "zerodha"}, {"broker"}),
        ({**KEYS, "user_id": "x"}, {"user_id"}),
    ],
)
async def test_connect_names_the_field_when_the_body_is_wrong(
    world: World, body: dict[str, Any], fields: set[str]
) -> None:
    customer = await world.customer()
    answer = await customer.post("/broker/connect", body)
    assert answer.status_code == 422, answer.text
    assert {error["field"] for error in answer.json()["errors"]} == fields


@pytest.mark.parametrize("kind", ["access_token", "request_token"])
async def test_connect_is_refused_when_the_broker_refuses(world: World, kind: str) -> None:
    customer = await world.customer()
    body = {"api_key": "kite-key", "api_secret": "kite-secret", kind: "bad-token"}
    answer = await customer.post("/broker/connect", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "broker_rejected")
    assert (await customer.get("/broker")).json()["status"] == "none"


async def test_connect_says_try_again_when_the_broker_is_away(world: World) -> None:
    customer = await world.customer()
    world.kite.away = True
    answer = await customer.post("/broker/connect", KEYS)
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "connection reset" not in answer.text


async def test_connect_keeps_the_account_when_the_login_is_of_another_one(world: World) -> None:
    customer = await world.trader()
    world.kite.tokens["other-token"] = KnownLogin("XY9999", "Somebody Else")
    answer = await customer.post("/broker/connect", KEYS | {"access_token": "other-token"})
    assert (answer.status_code, answer.json()["code"]) == (409, "broker_other_user")
    assert "AB1234" in answer.json()["detail"]
    stored = await sealed(world)
    user = await customer.id()
    assert await world.opener.open(stored["access_token"], user_id=user, field="access_token") == "good-token"


async def test_connecting_again_revives_a_dead_login_and_counts_it(world: World) -> None:
    customer = await world.trader()
    before = (await sealed(world))["login_version"]
    async with world.store.work() as session:
        await session.execute(text("UPDATE broker_keys SET login_dead = true"))
    assert (await customer.get("/broker")).json()["status"] == "login_needed"
    await customer.connect()
    assert (await customer.get("/broker")).json()["status"] == "connected"
    assert (await sealed(world))["login_version"] > before


@pytest.mark.parametrize("kind", ["access_token", "request_token"])
async def test_morning_login_goes_to_the_worker_sealed_for_this_user(world: World, kind: str) -> None:
    customer = await world.trader()
    answer = await customer.post("/broker/connect", {kind: "morning-token"})
    assert answer.status_code == 200
    assert answer.json()["status"] == "connected"
    ((user, asked, box),) = world.logins.asked
    assert (user, asked) == (await customer.id(), kind)
    assert b"morning-token" not in box
    assert await world.opener.open(box, user_id=user, field=kind) == "morning-token"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (LoginStatus.REJECTED, (422, "broker_rejected")),
        (LoginStatus.OTHER_USER, (409, "broker_other_user")),
        (LoginStatus.NOT_CONNECTED, (409, "broker_not_connected")),
        (LoginStatus.UNAVAILABLE, (503, "broker_unavailable")),
    ],
)
async def test_morning_login_says_how_it_failed(
    world: World, status: LoginStatus, expected: tuple[int, str]
) -> None:
    customer = await world.trader()
    world.logins.result = LoginResult(status, "the broker's own words")
    answer = await customer.post("/broker/connect", {"request_token": "t"})
    assert (answer.status_code, answer.json()["code"]) == expected


async def test_morning_login_says_try_again_when_no_worker_answers(world: World) -> None:
    customer = await world.trader()
    world.logins.away = True
    answer = await customer.post("/broker/connect", {"request_token": "t"})
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")


async def test_morning_login_needs_an_account(world: World) -> None:
    customer = await world.customer()
    answer = await customer.post("/broker/connect", {"request_token": "t"})
    assert (answer.status_code, answer.json()["code"]) == (409, "broker_not_connected")


async def test_token_that_ended_in_the_morning_needs_a_login(world: World) -> None:
    customer = await world.customer()
    world.clock.at = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    await customer.connect()
    world.clock.at = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)  # 06:00 in India
    assert (await customer.get("/broker")).json()["status"] == "login_needed"


async def test_forgetting_the_account_removes_its_secrets(world: World) -> None:
    customer = await world.trader()
    assert (await customer.delete("/broker")).status_code == 204
    assert (await customer.get("/broker")).json()["status"] == "none"
    assert (await customer.delete("/broker")).status_code == 204


async def test_account_is_not_forgotten_while_a_strategy_runs(world: World) -> None:
    customer = await world.trader()
    await customer.running(buy_time="23:59:57", sell_time="23:59:59")
    answer = await customer.delete("/broker")
    assert (answer.status_code, answer.json()["code"]) == (409, "strategy_running")
    assert (await customer.get("/broker")).json()["status"] == "connected"


async def test_account_is_not_forgotten_while_a_start_is_on_its_way(world: World) -> None:
    customer = await world.trader()
    created = await customer.create()
    world.runs.away = True  # Temporal was asked, and may yet begin the run
    assert (await customer.start(created["strategy_id"])).status_code == 503
    for answer in (
        await customer.delete("/broker"),
        await customer.delete(f"/strategy/{created['strategy_id']}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "strategy_running")
        assert "is being started" in answer.json()["detail"]
    assert (await customer.get("/broker")).json()["status"] == "connected"
    async with world.store.work() as session:
        await session.execute(text("UPDATE starts SET written_at = written_at - interval '1 minute'"))
    assert (await customer.delete("/broker")).status_code == 204


async def test_shares_are_sold_in_the_account_they_are_held_in_and_in_no_other(world: World) -> None:
    customer = await world.trader()
    started = await customer.running(buy_time="23:59:57", sell_time="23:59:59")
    async with world.store.work() as session:
        await session.execute(text("UPDATE strategies SET bought_quantity = 10, position = 'bought'"))
    world.runs.position = Position.BOUGHT
    await world.runs.finish(started["workflow_id"], Outcome.ORDER_FAILED)
    assert (await customer.delete("/broker")).status_code == 204
    world.kite.tokens["other-token"] = KnownLogin("XY9999", "Somebody Else")
    other = await customer.post("/broker/connect", KEYS | {"access_token": "other-token"})
    assert other.status_code == 200
    refused = await customer.stop(started["strategy_id"], on_stop="exit")
    assert (refused.status_code, refused.json()["code"]) == (409, "broker_other_user")
    assert "zerodha:AB1234" in refused.json()["detail"]
    assert len(world.runs.started) == 1
    await customer.delete("/broker")
    await customer.connect()
    assert (await customer.stop(started["strategy_id"], on_stop="exit")).status_code in (200, 202)
    (_, sale) = world.runs.started
    assert (sale.sell_only, sale.account) == (True, "zerodha:AB1234")


async def test_login_link_brings_the_browser_back_connected(world: World) -> None:
    customer = await world.trader()
    url = (await customer.get("/broker/login-url")).json()["url"]
    query = {name: values[0] for name, values in parse_qs(urlparse(url).query).items()}
    assert query["api_key"] == "kite-key"
    back = {"state": query["state"], "request_token": "one-time", "action": "login", "status": "success"}
    answer = await world.http.get("/broker/callback", params=back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/app?broker=connected")
    assert world.logins.asked[0][0] == await customer.id()


async def test_a_first_login_brings_its_token_to_the_app_which_has_the_secret(world: World) -> None:
    customer = await world.customer()
    answer = await customer.get("/broker/login-url?api_key=kite-key")
    query = parse_qs(urlparse(answer.json()["url"]).query)
    assert query["api_key"] == ["kite-key"]
    back = {"state": query["state"][0], "request_token": "one/time", "status": "success"}
    answer = await world.http.get("/broker/callback", params=back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/app#/broker/one%2Ftime")
    assert world.logins.asked == [], "nothing is stored that a worker could open"
    assert (await customer.get("/broker/login-url")).json()["code"] == "broker_not_connected"
    wrong = await customer.get("/broker/login-url?api_key=a%20b")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "api_key")


@pytest.mark.parametrize("state", ["", "x", "access"])
async def test_callback_is_refused_when_the_state_is_not_ours(world: World, state: str) -> None:
    customer = await world.trader()
    if state == "access":  # a token of ours, but for another purpose
        state = customer.tokens["access_token"]
    answer = await world.http.get("/broker/callback", params={"state": state, "request_token": "t"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_state")
    assert world.logins.asked == []


async def test_state_of_a_login_link_is_no_access_token(world: World) -> None:
    customer = await world.trader()
    url = (await customer.get("/broker/login-url")).json()["url"]
    state = parse_qs(urlparse(url).query)["state"][0]
    answer = await world.http.get("/broker", headers={"Authorization": f"Bearer {state}"})
    assert answer.status_code == 401


async def test_callback_says_on_the_page_how_the_login_failed(world: World) -> None:
    customer = await world.trader()
    state = parse_qs(urlparse((await customer.get("/broker/login-url")).json()["url"]).query)["state"][0]
    world.logins.result = LoginResult(LoginStatus.OTHER_USER)
    answer = await world.http.get("/broker/callback", params={"state": state, "request_token": "t"})
    assert answer.headers["location"] == "/app?broker=broker_other_user"
    assert (await world.http.get(answer.headers["location"])).status_code == 200
    words = (
        await world.http.get("/app/app.js")
    ).text  # the app says it: it reads the word in its own address
    assert 'broker_other_user: "This login belongs to another Zerodha account' in words


async def sealed(world: World) -> dict[str, Any]:
    async with world.store.read() as session:
        row = (await session.execute(text("SELECT * FROM broker_keys"))).mappings().one()
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}


async def test_live_account_without_an_address_of_its_own_is_told_so_and_trades_nothing(
    store: Store, passwords: Passwords
) -> None:
    live = new_world(store, passwords, egress=Egress(live=True))
    customer = await live.customer()
    refused = await customer.post("/broker/connect", KEYS)
    assert (refused.status_code, refused.json()["code"]) == (409, "no_own_address")
    assert "registered address of its own" in refused.json()["detail"]
    assert live.kite.ways == []

    own = Egress(live=True, proxies={await customer.id(): "http://10.0.0.5:3128"})
    allowed = new_world(store, passwords, egress=own)
    owner = replace(customer, http=allowed.http)
    await owner.connect()
    assert allowed.kite.ways == [{"all": "http://10.0.0.5:3128"}]
    strategy_id = (await owner.create())["strategy_id"]
    assert (await customer.start(strategy_id)).json()["code"] == "no_own_address"
    assert live.runs.started == []
    assert (await owner.start(strategy_id)).status_code == 200
