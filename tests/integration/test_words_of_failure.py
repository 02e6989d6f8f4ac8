"""What a deployer gets wrong first is told as what it is: by doctor, migrate, readiness and the alarm."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy.engine import make_url

from adapters.postgres.engine import Store
from adapters.redis.runtime_cache import RedisRuntimeCache
from adapters.telemetry.dependency_watch import postgres_dependency, redis_dependency
from services.auth.passwords import Passwords
from tests.api_world import new_world
from tests.integration.test_refusing_parts import REFUSALS, Break, told_of
from tests.postgres import PostgresServer
from tests.valkey_process import ValkeyProcess

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text().replace("\n  ", " ")


def told(*words: str, **settings: str) -> str:
    """Run a `stopwatch` command with these settings alone; return what it said."""
    given = {f"STOPWATCH_{name}": value for name, value in settings.items()}
    command = [str(Path(sys.executable).parent / "stopwatch"), *words]
    ran = subprocess.run(command, env={"PATH": os.environ["PATH"], **given}, capture_output=True, text=True)
    assert ran.returncode == 1, ran.stdout
    return ran.stdout + ran.stderr


def line(report: str, what: str) -> str:
    (found,) = [said for said in report.splitlines() if what in said]
    return found


def with_password(url: str, password: str) -> str:
    return make_url(url).set(password=password).render_as_string(hide_password=False)


async def test_a_wrong_password_of_postgres(database: str, passwords: Passwords) -> None:
    wrong = with_password(database, "another's")
    doctor = await asyncio.to_thread(told, "doctor", DATABASE_URL=wrong)
    assert line(doctor, "Postgres (owner)").startswith("FAIL")
    assert "the password is refused" in line(doctor, "Postgres (owner)")
    migrate = await asyncio.to_thread(told, "migrate", DATABASE_URL=wrong)
    assert migrate.startswith("Postgres refuses the login: the password in the address is not the user's")
    assert "another's" not in doctor + migrate
    store = Store.open(wrong)
    try:
        alerts, _, watching = await told_of(postgres_dependency(lambda: store.probe("nobody")))
        watching.cancel()
        assert "Postgres refuses the login" in alerts.raised[0].text
        assert "Start it again" not in alerts.raised[0].text
        world = new_world(store, passwords, checks={"postgres": store.ping})
        assert "Postgres refuses the login" in (await world.http.get("/health/ready")).json()["detail"]
    finally:
        await store.close()


async def test_a_wrong_password_of_redis(
    own_valkey: ValkeyProcess, redis: Redis, store: Store, passwords: Passwords
) -> None:
    await redis.execute_command("ACL", "SETUSER", "api", "on", ">right", "~*", "+@all")  # type: ignore[no-untyped-call]
    wrong = own_valkey.url.replace("redis://", "redis://api:another@")
    assert "the login is refused" in line(await asyncio.to_thread(told, "doctor", REDIS_URL=wrong), "Redis  ")
    cache = RedisRuntimeCache.connect(wrong)
    try:
        alerts, _, watching = await told_of(redis_dependency(cache.ping))
        watching.cancel()
        assert "Redis refuses the login" in alerts.raised[0].text
        world = new_world(store, passwords, checks={"redis": cache.ping})
        assert "Redis refuses the login" in (await world.http.get("/health/ready")).json()["detail"]
    finally:
        await cache.close()


async def test_an_owner_who_may_make_no_roles(postgres: PostgresServer) -> None:
    name = f"plain_{uuid4().hex[:8]}"
    await postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'plain'")
    url = await postgres.empty_database()
    database = make_url(url).database
    await postgres.execute(f'ALTER DATABASE "{database}" OWNER TO {name}')
    owner = make_url(url).set(username=name, password="plain").render_as_string(hide_password=False)
    role = make_url(url).set(username="its_api", password="api's").render_as_string(hide_password=False)
    said = await asyncio.to_thread(told, "migrate", DATABASE_URL=owner, DATABASE_URL_API=role)
    refusal = said.splitlines()[-1]
    assert "permission denied to create role" in refusal
    assert "ALTER ROLE … CREATEROLE" in refusal
    await postgres.drop(url)
    await postgres.execute(f"DROP ROLE {name}")


@REFUSALS
async def test_a_redis_that_refuses_what_is_written(
    own_valkey: ValkeyProcess, redis: Redis, tmp_path: Path, broken: Break, refusal: object, words: str
) -> None:
    await broken(redis, tmp_path)
    said = line(await asyncio.to_thread(told, "doctor", REDIS_URL=own_valkey.url), "Redis  ")
    assert said.startswith("FAIL")
    assert words in said
    with suppress(Exception):
        await redis.config_set("maxmemory", "0")


async def test_a_postgres_that_is_read_only(store: Store, database: str, postgres: PostgresServer) -> None:
    await postgres.execute(
        f'ALTER DATABASE "{make_url(database).database}" SET default_transaction_read_only = on'
    )
    said = line(await asyncio.to_thread(told, "doctor", DATABASE_URL=database), "Postgres (owner)")
    assert said.startswith("FAIL")
    assert "it is read-only" in said


@pytest.mark.parametrize(
    "words",
    [
        *("the password is refused", "the login is refused", "Postgres refuses the login"),
        *("permission denied to create role", "its memory is full", "cannot write to its disk"),
        *("Temporal does not know the search attributes", "it is read-only"),
    ],
)
def test_the_page_has_the_words_that_were_said(words: str) -> None:
    assert words in PAGE
