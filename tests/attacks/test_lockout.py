"""A stranger's tries lock no owner out: of no device that logged in before, and of no open login."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from adapters.postgres.engine import Store
from adapters.redis.rate_limiter import Limiter
from services.auth.passwords import Passwords
from services.auth.throttle import LOGIN_BY_STRANGERS, LOGIN_HERE, REFUSED_RENEWALS_FROM_ADDRESS, Throttle
from tests.api_world import PASSWORD, Customer, World, new_world
from tests.attacks.tenants import client_at, customer_at, quick_passwords
from tests.valkey_process import ValkeyProcess

HOME, CAFE = "203.0.113.7", "198.51.100.9"


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    made = quick_passwords()
    yield made
    made.close()


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> AsyncIterator[World]:
    async with ValkeyProcess() as valkey:
        limiter = Limiter(valkey.url)
        yield new_world(store, passwords, throttle=Throttle(limiter))
        await limiter.close()


async def guess(world: World, email: str, address: str, times: int) -> Counter[int]:
    http = client_at(world, address)
    body = {"email": email, "password": "a wrong guess"}
    return Counter([(await http.post("/auth/login", json=body)).status_code for _ in range(times)])


async def log_in(world: World, customer: Customer, address: str, *, device: bool) -> int:
    body = {"email": customer.email, "password": PASSWORD}
    headers = customer.bearer if device else {}
    return (await client_at(world, address).post("/auth/login", json=body, headers=headers)).status_code


async def test_guesses_from_a_thousand_addresses_keep_no_known_device_out(world: World) -> None:
    owner = await customer_at(world, HOME)
    looked_at = 0
    for number in range(60):
        looked_at += (await guess(world, owner.email, f"192.0.2.{number}", 5))[401]
    assert looked_at == LOGIN_BY_STRANGERS.amount  # the strangers' allowance is used up
    assert await log_in(world, owner, "192.0.2.99", device=False) == 429
    assert await log_in(world, owner, "192.0.2.99", device=True) == 200  # the phone, wherever it is
    assert await log_in(world, owner, HOME, device=False) == 200  # the place it was used from


async def test_guesses_from_the_owners_own_address_keep_no_known_device_out(world: World) -> None:
    """An attacker behind the same address of a mobile provider."""
    owner = await customer_at(world, CAFE)
    assert (await guess(world, owner.email, CAFE, LOGIN_HERE.amount + 5))[429] == 5
    assert await log_in(world, owner, CAFE, device=False) == 429
    assert await log_in(world, owner, CAFE, device=True) == 200


async def test_an_address_that_is_used_up_for_all_keeps_no_known_device_out(world: World) -> None:
    owner = await customer_at(world, CAFE)
    for number in range(25):
        await guess(world, f"{number}@example.com", CAFE, 9)
    assert (await guess(world, "another@example.com", CAFE, 1))[429] == 1
    assert await log_in(world, owner, CAFE, device=True) == 200


async def test_refresh_tokens_that_are_made_up_keep_no_login_from_being_renewed(world: World) -> None:
    owner = await customer_at(world, CAFE)
    http = client_at(world, CAFE)
    counted: Counter[int] = Counter()
    for number in range(REFUSED_RENEWALS_FROM_ADDRESS.amount + 20):
        answer = await http.post("/auth/refresh", json={"refresh_token": f"guess {number}"})
        counted[answer.status_code] += 1
    assert counted[429] > 0
    renewed = await http.post("/auth/refresh", json={"refresh_token": owner.tokens["refresh_token"]})
    assert renewed.status_code == 200
    assert counted[401] + counted[429] == REFUSED_RENEWALS_FROM_ADDRESS.amount + 20


async def test_registrations_that_are_used_up_keep_no_account_from_logging_in(world: World) -> None:
    owner = await customer_at(world, CAFE)
    http = client_at(world, CAFE)
    body = {"email": "x@example.com", "password": PASSWORD}
    answers = [
        await http.post("/auth/register", json=body | {"email": f"{n}@example.com"}) for n in range(31)
    ]
    assert answers[-1].status_code == 429
    assert await log_in(world, owner, CAFE, device=False) == 200


async def test_a_neighbours_calls_use_up_no_stop_of_the_owner(world: World) -> None:
    """A hundred accounts behind one address press STOP as often as they may."""
    owner = await replace(world, http=client_at(world, CAFE)).trader()
    running = await owner.running()
    neighbours = [await customer_at(world, f"198.51.100.{number}") for number in range(20, 24)]
    refused = 0
    for neighbour in neighbours:
        near = replace(neighbour, http=client_at(world, CAFE))
        answers = [await near.stop(running["strategy_id"]) for _ in range(250)]
        refused += sum(answer.status_code == 429 for answer in answers)
    assert refused == 4 * 10
    assert (await owner.stop(running["strategy_id"])).status_code == 200
