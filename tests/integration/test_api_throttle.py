"""Guessing is slow, from wherever; and nobody is kept out of his own account by what others guess."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyotp
import pytest

from adapters.postgres.engine import Store
from adapters.redis.rate_limiter import Allowance, Limiter
from services.auth.passwords import Passwords
from services.auth.throttle import CODE, LOGIN_BY_STRANGERS, LOGIN_HERE, QUARTER_HOUR, Throttle
from settings import Settings
from tests.api_world import KEYS, PASSWORD, STRATEGY, Customer, World, new_world
from tests.valkey_process import ValkeyProcess

HOME, ATTACKER = "203.0.113.7", "198.51.100.9"


@pytest.fixture(scope="module")
async def valkey() -> AsyncIterator[ValkeyProcess]:
    async with ValkeyProcess() as process:
        yield process


@pytest.fixture
async def limiter(valkey: ValkeyProcess) -> AsyncIterator[Limiter]:
    made = Limiter(valkey.url)
    yield made
    await made.close()


@pytest.fixture
async def world(store: Store, passwords: Passwords, limiter: Limiter) -> World:
    return new_world(store, passwords, throttle=Throttle(limiter))


def at(world: World, address: str) -> httpx.AsyncClient:
    """Return a client whose connection comes from an address."""
    transport = httpx.ASGITransport(world.app, client=(address, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://api.test")


async def customer_at(world: World, address: str = HOME) -> Customer:
    return await replace(world, http=at(world, address)).customer()


async def log_in(
    http: httpx.AsyncClient, email: str, password: str = PASSWORD, **more: Any
) -> httpx.Response:
    return await http.post("/auth/login", json={"email": email, "password": password}, **more)


async def guesses(
    http: httpx.AsyncClient, email: str, count: int, **more: Any
) -> tuple[Counter[int], list[httpx.Response]]:
    """Guess so often at once; return the answers, and how many there are of each status."""
    answers = await asyncio.gather(*(log_in(http, email, f"wrong guess {n}", **more) for n in range(count)))
    return Counter(answer.status_code for answer in answers), answers


async def test_ten_guesses_a_quarter_hour_however_many_are_sent_at_once(world: World) -> None:
    customer = await customer_at(world)
    counted, answers = await guesses(at(world, ATTACKER), customer.email, 150)
    assert counted == {401: LOGIN_HERE.amount, 429: 150 - LOGIN_HERE.amount}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_many_attempts"
    assert 0 < int(refused.headers["retry-after"]) <= QUARTER_HOUR
    assert (await log_in(at(world, ATTACKER), customer.email)).status_code == 429


async def test_address_that_a_client_claims_for_itself_counts_for_nothing(world: World) -> None:
    customer = await customer_at(world)
    http = at(world, ATTACKER)
    answers = [
        await log_in(http, customer.email, "wrong guess", headers={name: f"192.0.2.{number}"})
        for number, name in enumerate(["X-Forwarded-For", "X-Real-IP", "Forwarded"] * 5)
    ]
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 5}
    assert [item["ip"] for item in (await customer.get("/auth/sessions")).json()["items"]] == [HOME]


async def test_owner_gets_in_where_he_was_before_while_the_world_guesses(world: World) -> None:
    customer = await customer_at(world)
    total: Counter[int] = Counter()
    for number in range(8):
        counted, _ = await guesses(at(world, f"192.0.2.{number}"), customer.email, 10)
        total += counted
    assert total[401] == LOGIN_BY_STRANGERS.amount
    assert (await log_in(at(world, "192.0.2.200"), customer.email)).status_code == 429
    assert (await log_in(at(world, HOME), customer.email)).status_code == 200


async def test_phone_that_logged_in_before_gets_in_from_the_guessers_own_address(world: World) -> None:
    customer, other = await customer_at(world), await customer_at(world)
    await guesses(at(world, HOME), customer.email, 20)
    assert (await log_in(at(world, HOME), customer.email)).status_code == 429
    anybodys = await log_in(at(world, HOME), customer.email, headers=other.bearer)
    assert anybodys.status_code == 429
    assert (await log_in(at(world, HOME), customer.email, headers=customer.bearer)).status_code == 200
    counted, _ = await guesses(at(world, HOME), customer.email, 15, headers=customer.bearer)
    assert counted == {401: LOGIN_HERE.amount, 429: 5}


async def test_unknown_email_is_limited_like_a_known_one_in_the_same_bytes(world: World) -> None:
    customer = await customer_at(world)
    http = at(world, ATTACKER)
    known, answers = await guesses(http, customer.email, 14)
    unknown, others = await guesses(http, "nobody@example.com", 14)
    assert known == unknown
    for status in (401, 429):
        bodies = {answer.content for answer in [*answers, *others] if answer.status_code == status}
        assert len({body.split(b"in 1")[0] for body in bodies}) == 1


async def test_who_gets_in_is_given_his_tries_back(world: World) -> None:
    customer = await customer_at(world)
    home = at(world, HOME)
    for _ in range(3):
        counted, _ = await guesses(home, customer.email, LOGIN_HERE.amount - 1)
        assert counted == {401: LOGIN_HERE.amount - 1}
        assert (await log_in(home, customer.email)).status_code == 200


async def test_codes_are_guessed_ten_times_an_hour_from_wherever(world: World) -> None:
    world.clock.at = datetime(2026, 11, 26, 6, 30, tzinfo=UTC)
    customer = await customer_at(world)
    secret = (await customer.post("/auth/totp", {"password": PASSWORD})).json()["secret"]
    app = pyotp.TOTP(secret)
    await customer.post("/auth/totp/confirm", {"code": app.at(world.clock.at)})
    world.clock.at += timedelta(minutes=1)
    body = {"email": customer.email, "password": PASSWORD, "code": "no code"}
    answers = [
        await at(world, f"192.0.2.{number}").post("/auth/login", json=body)
        for number in range(CODE.amount + 3)
    ]
    assert [answer.status_code for answer in answers] == [*[401] * CODE.amount, *[429] * 3]


async def test_passwords_are_not_guessed_with_a_stolen_access_token(world: World) -> None:
    customer = await customer_at(world)
    body = {"current_password": "wrong guess", "new_password": "three unrelated words"}
    answers = [await customer.post("/auth/password", body) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [*[422] * 10, 429, 429]


async def test_registering_is_limited_by_address_so_that_emails_are_not_tried_out(world: World) -> None:
    http = at(world, "203.0.113.99")
    answers = [
        await http.post("/auth/register", json={"email": f"{n}@example.com", "password": PASSWORD})
        for n in range(31)
    ]
    assert Counter(answer.status_code for answer in answers) == {201: 30, 429: 1}


async def test_calls_that_cost_something_are_limited_by_user(world: World) -> None:
    customer, other = await customer_at(world, "203.0.113.50"), await customer_at(world, "203.0.113.51")
    connects = [await customer.post("/broker/connect", KEYS) for _ in range(11)]
    assert Counter(answer.status_code for answer in connects) == {200: 10, 429: 1}
    assert (await other.post("/broker/connect", KEYS)).status_code == 200
    creates: list[httpx.Response] = []
    for _ in range(25):  # no more at once than there are connections to Postgres
        creates += await asyncio.gather(*(customer.post("/strategy/create", STRATEGY) for _ in range(5)))
    assert Counter(answer.status_code for answer in creates) == {201: 120, 429: 5}
    strategy_id = next(answer for answer in creates if answer.is_success).json()["strategy_id"]
    starts = [await customer.start(strategy_id) for _ in range(121)]
    assert Counter(answer.status_code for answer in starts) == {200: 120, 429: 1}
    assert (await customer.stop(strategy_id)).status_code == 200
    tokens = {"refresh_token": customer.tokens["refresh_token"]}
    refreshes = [await customer.http.post("/auth/refresh", json=tokens) for _ in range(31)]
    assert Counter(answer.status_code for answer in refreshes) == {200: 30, 429: 1}


async def test_all_processes_count_together(
    store: Store, passwords: Passwords, valkey: ValkeyProcess
) -> None:
    limiters = [Limiter(valkey.url) for _ in range(2)]
    worlds = [new_world(store, passwords, throttle=Throttle(limiter)) for limiter in limiters]
    customer = await customer_at(worlds[0])
    counted = [(await guesses(at(world, ATTACKER), customer.email, 8))[0] for world in worlds]
    assert sum(counted, Counter()) == {401: 10, 429: 6}
    for limiter in limiters:
        await limiter.close()


async def test_without_redis_guessing_is_slower_still_and_people_get_in(
    store: Store, passwords: Passwords
) -> None:
    valkey = ValkeyProcess()
    await valkey.start()
    limiter = Limiter(valkey.url)
    world = new_world(store, passwords, throttle=Throttle(limiter))
    customer = await customer_at(world)
    valkey.kill()
    counted, _ = await guesses(at(world, ATTACKER), customer.email, 40)
    assert counted == {401: LOGIN_HERE.amount // 2, 429: 40 - LOGIN_HERE.amount // 2}
    assert (await log_in(at(world, HOME), customer.email)).status_code == 200
    await valkey.start()
    limiter._away_until = 0  # as if five seconds had passed
    counted, _ = await guesses(at(world, "192.0.2.1"), customer.email, 12)
    assert counted == {401: LOGIN_HERE.amount, 429: 2}
    await limiter.close()
    valkey.remove()


async def test_old_tries_are_forgotten(limiter: Limiter) -> None:
    brief = Allowance("brief", "anybody", 2, 1)
    taken = [await limiter.take([brief]) for _ in range(3)]
    assert taken == [None, None, 1]
    await asyncio.sleep(1.2)
    assert await limiter.take([brief]) is None


async def test_only_a_trusted_proxy_says_where_somebody_comes_from(
    store: Store, passwords: Passwords, limiter: Limiter
) -> None:
    world = new_world(store, passwords, throttle=Throttle(limiter), trusted_proxies=("10.0.0.0/24",))
    customer = await customer_at(world)
    behind = {
        "10.0.0.5": f"192.0.2.77, {ATTACKER}",  # what the client wrote itself stands to the left
        "10.0.0.6": f"192.0.2.78, {ATTACKER}, 10.0.0.9",
        "10.1.0.5": "192.0.2.79",  # not one of the proxies
    }
    for proxy, forwarded in behind.items():
        answer = await log_in(at(world, proxy), customer.email, headers={"X-Forwarded-For": forwarded})
        customer.tokens = answer.json()
    listed = [item["ip"] for item in (await customer.get("/auth/sessions")).json()["items"]]
    assert listed == ["10.1.0.5", ATTACKER, ATTACKER, HOME]


async def test_neighbours_of_one_ipv6_network_count_as_one(world: World) -> None:
    customer = await customer_at(world)
    answers = [await log_in(at(world, f"2001:db8::{n:x}"), customer.email, "wrong guess") for n in range(12)]
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 2}


async def test_owner_of_an_ipv6_network_is_known_by_it(world: World) -> None:
    customer = await customer_at(world, "2001:db8:1:2::a")
    for number in range(4):
        await guesses(at(world, f"192.0.2.{number}"), customer.email, 10)
    assert (await log_in(at(world, "2001:db8:1:3::b"), customer.email)).status_code == 429
    assert (await log_in(at(world, "2001:db8:1:2::b"), customer.email)).status_code == 200


async def test_addresses_that_nobody_can_read_share_one_allowance_and_are_known_to_nobody(
    world: World,
) -> None:
    customer = await customer_at(world, "a socket")
    answers = [await log_in(at(world, f"socket {n}"), customer.email, "wrong guess") for n in range(12)]
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 2}
    assert (await customer.get("/auth/sessions")).json()["items"][0]["ip"] is None


@pytest.mark.parametrize("setting", ["*", "proxy.internal", "10.0.0.1/24", "10.0.0.1 10.0.0.2"])
def test_trusted_proxy_that_is_no_network_is_refused_at_start(setting: str) -> None:
    with pytest.raises(ValueError, match="no address and no network"):
        Settings(trusted_proxies=setting, _env_file=None)
    assert Settings(_env_file=None).proxies == ()
    assert Settings(trusted_proxies="10.0.0.7, fd00::/8", _env_file=None).proxies == ("10.0.0.7", "fd00::/8")


async def test_nothing_is_limited_when_the_throttle_is_off(store: Store, passwords: Passwords) -> None:
    world = new_world(store, passwords)
    customer = await customer_at(world)
    counted = [(await guesses(at(world, ATTACKER), customer.email, 8))[0] for _ in range(5)]
    assert sum(counted, Counter()) == {401: 40}
