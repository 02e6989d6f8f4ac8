"""Whether an e-mail is known is not to be read off a login: not from its words, and not from its time."""

import time
from collections.abc import Awaitable
from uuid import uuid4

import pytest

from adapters.postgres.engine import Store
from services.auth.passwords import Passwords
from tests.api_world import World, new_world
from tests.rank_test import p_value

SAMPLES = 150
TRIES = 4
"""Alike, all of them fail once in a hundred million times; a noisy neighbour may spoil one."""


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


async def timed(call: Awaitable[object]) -> float:
    began = time.perf_counter()
    await call
    return time.perf_counter() - began


async def likeness(world: World, emails: list[str]) -> float:
    """Return the p value of the times of logins, known and unknown e-mails in turn, on the same footing."""

    async def log_in(email: str) -> None:
        body = {"email": email, "password": "not the password"}
        answer = await world.http.post("/auth/login", json=body)
        assert answer.status_code == 401

    known, unknown = [], []
    for number in range(SAMPLES):
        known.append(await timed(log_in(emails[number % len(emails)])))
        unknown.append(await timed(log_in(f"{uuid4().hex[:12]}@example.com")))
    return p_value(known, unknown)


async def test_login_takes_as_long_for_an_unknown_email_as_for_a_known_one(world: World) -> None:
    emails = [(await world.customer()).email for _ in range(10)]
    await likeness(world, emails)  # what is done for the first time is slow
    for _ in range(TRIES):
        if await likeness(world, emails) > 0.01:
            return
    pytest.fail("the time of a refused login tells whether its e-mail is known")


def test_rank_test_tells_different_times_apart_and_lets_like_ones_pass() -> None:
    slow = [1.0 + number / 1000 for number in range(SAMPLES)]
    assert p_value(slow, [time + 0.05 for time in slow]) < 0.01
    assert p_value(slow, [time + 0.0001 for time in slow]) > 0.01
