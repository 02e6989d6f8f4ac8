"""Two hundred people log in at the same moment: the process stays small and goes on answering."""

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path
from statistics import median
from uuid import uuid4

import httpx
import pytest

from api.http.errors import problem_of
from services.auth.passwords import Passwords
from services.errors import TryLater
from tests.integration.test_api_process import running, settings
from tests.postgres import PostgresServer

LOGINS = 200
WATCHED_SECONDS = 2.5
LARGEST_GROWTH_MB = 300


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


async def timed(call: Awaitable[httpx.Response]) -> tuple[int, float]:
    began = time.perf_counter()
    answer = await call
    return answer.status_code, time.perf_counter() - began


async def test_two_hundred_logins_at_once_take_little_memory_and_hold_nobody_else_up(
    postgres: PostgresServer, database: str
) -> None:
    environment = settings(postgres.api_url(database), STOPWATCH_THROTTLE="off")
    limits = httpx.Limits(max_connections=None)
    async with (
        running(environment) as (process, address),
        httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as http,
    ):
        body = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
        assert (await http.post("/auth/register", json=body)).status_code == 201
        before = resident_mb(process.pid)
        began = time.perf_counter()
        logins = [asyncio.create_task(timed(http.post("/auth/login", json=body))) for _ in range(LOGINS)]
        largest, lives = before, []
        while time.perf_counter() - began < WATCHED_SECONDS:
            status, seconds = await timed(http.get("/health/live"))
            assert status == 200
            lives.append(seconds)
            largest = max(largest, resident_mb(process.pid))
            await asyncio.sleep(0.02)
        waited = [task.result()[1] if task.done() else WATCHED_SECONDS for task in logins]
        assert all(task.result()[0] == 200 for task in logins if task.done())
        for task in logins:
            task.cancel()
        await asyncio.gather(*logins, return_exceptions=True)
    assert largest - before < LARGEST_GROWTH_MB
    assert median(lives) * 3 < median(waited)


async def test_who_comes_when_too_many_wait_already_is_told_when_to_come_back() -> None:
    passwords = Passwords(longest_queue=3)
    tries = [asyncio.create_task(passwords.hash("correct horse battery")) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(TryLater) as refusal:
        await passwords.check("correct horse battery", None)
    problem = problem_of(refusal.value)
    assert (problem.status, problem.code) == (503, "busy")
    assert int(problem.headers["Retry-After"]) > 0
    hashed = (await asyncio.gather(*tries))[0]
    assert await passwords.check("correct horse battery", hashed) == (True, None)
    assert await passwords.check("another", hashed) == (False, None)
    passwords.close()


def test_hashes_are_argon2id_with_at_least_the_memory_that_owasp_asks_for() -> None:
    stored = Passwords()._hasher.hash("correct horse battery")
    assert stored.startswith("$argon2id$v=19$")
    memory = int(stored.split("m=")[1].split(",")[0])
    assert memory >= 19 * 1024
