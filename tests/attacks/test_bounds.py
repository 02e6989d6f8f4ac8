"""What one tenant may have and do is bounded, and each refusal says what the bound is."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.redis.rate_limiter import Limiter
from api.app import create_app
from services.auth.passwords import Passwords
from services.auth.throttle import CALLS, REGISTRATION_FROM_ADDRESS, REGISTRATIONS_AROUND, Throttle
from services.bounds import Bounds
from settings import Settings
from tests.api_world import KEYS, PASSWORD, STRATEGY, Customer, World, new_world
from tests.attacks.tenants import Doorman, client_at, customer_at, quick_passwords
from tests.valkey_process import ValkeyProcess

HOOK = {"kind": "webhook", "address": "https://example.com/hook"}
WRITING = ("post", "put", "patch", "delete")
ALSO_COUNTED = {
    "GET /broker/callback",
    "GET /account/audit/export",
    "GET /account/report",
    "GET /events",
    "GET /strategy/{strategy_id}/events",
}
"""Calls that only read, and reach the broker or are answered for long."""
COUNTED_BY_WHAT_THEY_BRING = {
    "POST /auth/register": {"email": "new@example.com", "password": PASSWORD},
    "POST /auth/login": {"email": "new@example.com", "password": PASSWORD},
    "POST /auth/refresh": {"refresh_token": "x"},
    "POST /auth/forgot": {"email": "new@example.com"},
    "POST /auth/reset": {"token": "x" * 43, "password": PASSWORD},
    "POST /auth/verify": {"token": "x" * 43},
}
"""Calls of people who are not logged in: by address, e-mail and token, in rules of their own."""


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    made = quick_passwords()
    yield made
    made.close()


@pytest.fixture(scope="module")
async def valkey() -> AsyncIterator[ValkeyProcess]:
    async with ValkeyProcess() as process:
        yield process


@pytest.fixture
async def limiter(valkey: ValkeyProcess) -> AsyncIterator[Limiter]:
    made = Limiter(valkey.url)
    yield made
    await made.close()


def bounded(world: World, **bounds: int) -> World:
    """Return the same app with smaller bounds."""
    deps = replace(world.deps, bounds=replace(world.deps.bounds, **bounds))
    changed = replace(world, deps=deps, app=create_app(deps))
    return replace(changed, http=client_at(changed, "203.0.113.7"))


# Calls


async def every_call(world: World, customer: Customer) -> dict[str, tuple[int, str, str]]:
    """Make each call that is to be counted; return status, code and Retry-After of its answer."""
    session = (await customer.get("/auth/sessions")).json()["items"][0]["id"]
    state = world.deps.tokens.login_state(await customer.id(), UUID(session))[0]
    found = {}
    for path, calls in world.app.openapi()["paths"].items():
        for method in calls:
            name = f"{method.upper()} {path}"
            if method not in WRITING and name not in ALSO_COUNTED:
                continue
            where = path.replace("{session_id}", str(uuid4())).replace("{channel_id}", str(uuid4()))
            where = where.replace("{strategy_id}", str(uuid4()))
            where += f"?state={state}&request_token=x" if name == "GET /broker/callback" else ""
            body = COUNTED_BY_WHAT_THEY_BRING.get(name, {})
            answer = await world.http.request(method, where, json=body, headers=customer.bearer)
            code = answer.json().get("code", "") if answer.content else ""
            found[name] = (answer.status_code, code, answer.headers.get("retry-after", ""))
    return found


async def test_each_call_that_writes_or_reaches_the_broker_is_counted(
    store: Store, passwords: Passwords
) -> None:
    """A new route that writes fails here until it has its line in `services.auth.throttle.CALLS`."""
    door = Doorman()
    world = new_world(store, passwords, throttle=Throttle(door))
    customer = await world.trader()
    door.refuses = True
    answers = await every_call(world, customer)
    assert set(CALLS) | set(COUNTED_BY_WHAT_THEY_BRING) == set(answers)
    assert {name: found for name, found in answers.items() if found != (429, "too_many_attempts", "7")} == {}


async def test_a_call_counts_by_user_and_by_address(store: Store, passwords: Passwords) -> None:
    door = Doorman()
    world = new_world(store, passwords, throttle=Throttle(door))
    customer = await customer_at(world, "203.0.113.7")
    user_id, address_less = str(await customer.id()), set()
    for name, (by_user, by_address) in CALLS.items():
        door.asked.clear()
        await world.deps.throttle.call(name, UUID(user_id), replace_client("203.0.113.7"))
        assert [(one.key, one.amount) for one in door.asked[:1]] == [(user_id, by_user.amount)]
        assert [one.key for one in door.asked[1:]] == (["203.0.113.7"] if by_address else [])
        address_less |= set() if by_address else {name}
    # What protects its user is not used up by others behind the same address.
    assert {"POST /strategy/stop", "POST /account/kill-switch", "DELETE /auth/sessions"} <= address_less


def replace_client(address: str) -> Any:
    from adapters.postgres.logins import Device
    from services.auth.client_info import ClientInfo

    return ClientInfo(Device(address, address, None), address, None)


async def test_limits_that_are_changed_thousands_of_times_leave_thirty_audit_lines(
    store: Store, passwords: Passwords, limiter: Limiter
) -> None:
    world = new_world(store, passwords, throttle=Throttle(limiter, on=False))
    customer, other = await world.customer(), await world.customer()
    answers = [
        await world.http.put("/account/limits", json={"order_quantity": n + 1}, headers=customer.bearer)
        for n in range(100)
    ]
    assert Counter(answer.status_code for answer in answers) == {200: 30, 429: 70}
    refused = answers[-1].json()
    assert "30 times in 10 minutes" in refused["detail"]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 600
    lines = (await customer.get("/account/audit?limit=200")).json()["items"]
    assert sum(line["action"] == "limits_changed" for line in lines) <= 30
    changed = await world.http.put("/account/limits", json={}, headers=other.bearer)
    assert changed.status_code == 200


async def test_the_kill_switch_turns_thirty_times_and_stop_goes_on(
    store: Store, passwords: Passwords, limiter: Limiter
) -> None:
    world = new_world(store, passwords, throttle=Throttle(limiter))
    customer = await world.trader()
    running = await customer.running()
    answers = [await customer.post("/account/kill-switch", {"on": n % 2 == 0}) for n in range(60)]
    assert Counter(answer.status_code for answer in answers) == {200: 30, 429: 30}
    assert (await customer.stop(running["strategy_id"])).status_code == 200


async def test_the_callback_is_counted_before_the_worker_is_asked(
    store: Store, passwords: Passwords, limiter: Limiter
) -> None:
    world = new_world(store, passwords, throttle=Throttle(limiter))
    customer = await world.trader()
    session = (await customer.get("/auth/sessions")).json()["items"][0]["id"]
    state = world.deps.tokens.login_state(await customer.id(), UUID(session))[0]
    way = f"/broker/callback?state={state}&request_token=x"
    answers = [await world.http.get(way) for _ in range(14)]
    assert Counter(answer.status_code for answer in answers) == {303: 10, 429: 4}


async def test_the_throttle_that_is_off_leaves_the_contracts_calls_uncounted(
    store: Store, passwords: Passwords
) -> None:
    door = Doorman(refuses=True)
    world = new_world(store, passwords, throttle=Throttle(door, on=False))
    customer = await world.trader()  # registers and connects
    assert (await customer.running())["status"] == "running"  # creates and starts
    login = {"email": customer.email, "password": PASSWORD}
    assert (await world.http.post("/auth/login", json=login)).status_code == 200
    assert door.asked == []
    assert (await customer.post("/account/kill-switch", {"on": False})).status_code == 429
    assert [one.key for one in door.asked] == [str(await customer.id())]  # by user, not by address


# Registrations


@pytest.mark.parametrize(
    ("addresses", "most"),
    [
        (["203.0.113.9"], 1),
        ([f"203.0.113.{n}" for n in range(250)], REGISTRATIONS_AROUND["/24"]),
        (["2001:db8:1:1::1", "2001:db8:1:1::2"], 1),
        ([f"2001:db8:1:{n:x}::1" for n in range(100)], REGISTRATIONS_AROUND["/48"]),
        ([f"2001:db8:{n:x}::1" for n in range(500)], REGISTRATIONS_AROUND["/32"]),
        ([f"::ffff:203.0.113.{n}" for n in range(250)], REGISTRATIONS_AROUND["/24"]),
        ([f"fe80::1%if{n}" for n in range(20)], 1),
    ],
)
async def test_registrations_are_bounded_by_the_network_around_an_address(
    store: Store, passwords: Passwords, limiter: Limiter, addresses: list[str], most: int
) -> None:
    await limiter._shared.storage.reset()
    an_hour = 2
    world = new_world(store, passwords, throttle=Throttle(limiter, registrations=an_hour))
    made: Counter[int] = Counter()
    for turn in range(an_hour * most + 6):
        http = client_at(world, addresses[turn % len(addresses)])
        body = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
        made[(await http.post("/auth/register", json=body)).status_code] += 1
    assert made == {201: an_hour * most, 429: 6}
    elsewhere = client_at(world, "198.51.100.1")
    body = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    assert (await elsewhere.post("/auth/register", json=body)).status_code == 201


def test_the_bounds_are_settings_with_the_documented_defaults() -> None:
    settings, bounds = Settings(_env_file=None), Bounds()
    assert (settings.max_streams, settings.max_channels) == (bounds.streams, bounds.channels)
    assert (settings.max_strategies, settings.max_running) == (bounds.strategies, bounds.running)
    assert settings.registrations_an_hour == REGISTRATION_FROM_ADDRESS.amount
    with pytest.raises(ValueError, match="max_streams"):
        Settings(max_streams=0, _env_file=None)


# What there may be


async def test_strategies_are_bounded_also_when_all_are_created_at_once(
    store: Store, passwords: Passwords
) -> None:
    world = bounded(new_world(store, passwords), strategies=3)
    customer, other = await world.trader(), await world.trader()
    answers = await asyncio.gather(*(customer.post("/strategy/create", STRATEGY) for _ in range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: 5}
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    assert refused["code"] == "too_many_strategies"
    assert "3 strategies" in refused["detail"]
    assert "delete" in refused["detail"]
    assert len((await customer.get("/strategy")).json()["items"]) == 3
    assert (await other.post("/strategy/create", STRATEGY)).status_code == 201
    one = (await customer.get("/strategy")).json()["items"][0]["strategy_id"]
    assert (await customer.delete(f"/strategy/{one}")).status_code == 204
    assert (await customer.post("/strategy/create", STRATEGY)).status_code == 201


async def test_a_create_that_is_repeated_at_the_bound_is_the_same_strategy(
    store: Store, passwords: Passwords
) -> None:
    world = bounded(new_world(store, passwords), strategies=1)
    customer = await world.trader()
    keyed = customer.bearer | {"Idempotency-Key": "a word"}
    first, again = [await world.http.post("/strategy/create", json=STRATEGY, headers=keyed) for _ in "ab"]
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["strategy_id"] == again.json()["strategy_id"]


async def test_running_strategies_are_bounded_and_a_stop_makes_room(
    store: Store, passwords: Passwords
) -> None:
    world = bounded(new_world(store, passwords), running=2)
    customer, other = await world.trader(), await world.trader()
    made = [await customer.create() for _ in range(3)]
    answers = [await customer.start(one["strategy_id"]) for one in made]
    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert answers[2].json()["code"] == "too_many_running"
    assert "2 of your strategies are running" in answers[2].json()["detail"]
    assert (await customer.start(made[0]["strategy_id"])).status_code == 200  # it runs already
    await other.running()
    assert (await customer.stop(made[0]["strategy_id"])).status_code == 200
    assert (await customer.start(made[2]["strategy_id"])).status_code == 200


async def test_starts_whose_runs_have_not_begun_count_as_running(store: Store, passwords: Passwords) -> None:
    world = bounded(new_world(store, passwords), running=2)
    customer = await world.trader()
    made = [await customer.create() for _ in range(6)]

    async def slow(_start: Any) -> None:  # Temporal has taken it; its run has not written itself down yet
        await asyncio.sleep(0)

    world.runs.start = slow  # type: ignore[method-assign,assignment]
    answers = await asyncio.gather(*(customer.start(one["strategy_id"]) for one in made))
    # What was taken and has not begun is no success yet: the same START may be sent again.
    assert Counter(answer.status_code for answer in answers) == {503: 2, 409: 4}
    async with world.store.read() as session:
        counted = await session.scalar(text("SELECT count(*) FROM starts"))
    assert counted == 2  # a START that was refused is not written down


async def test_channels_are_bounded_by_a_setting(store: Store, passwords: Passwords) -> None:
    world = bounded(new_world(store, passwords), channels=2)
    customer = await world.trader()
    answers = [await customer.post("/notices/channels", HOOK) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert answers[2].json()["code"] == "too_many_channels"
    assert "2 channels" in answers[2].json()["detail"]


async def test_a_bound_holds_while_the_throttle_is_off(store: Store, passwords: Passwords) -> None:
    throttle = Throttle(Doorman(refuses=True), on=False)
    world = bounded(new_world(store, passwords, throttle=throttle), strategies=1)
    customer = await world.trader()
    await customer.create()
    assert (await customer.post("/strategy/create", STRATEGY)).json()["code"] == "too_many_strategies"
    assert (await customer.post("/broker/connect", KEYS)).status_code == 200
