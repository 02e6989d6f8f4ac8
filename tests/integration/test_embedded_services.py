"""Postgres, Valkey and Temporal as `stopwatch up` brings them: real servers, killed and started again."""

import asyncio
import base64
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from redis.asyncio import Redis

from local import feed_account, keys, probes, temporal, valkey
from local import processes as rooms
from local.data_dir import DataDir, opened
from local.ports import HeldPort
from local.postgres import EmbeddedPostgres
from local.start_errors import CannotStart
from local.supervisor import Supervisor
from local.temporal import TemporalPorts

ENVIRONMENT = dict(os.environ)
PYTHON = Path(sys.executable).absolute()


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    made = Supervisor(lambda said: None)
    yield made
    await made.stop()


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A directory that no other user may pass, with the data directory somewhere below it."""
    above = tmp_path / "private" / "deeper"
    above.mkdir(parents=True)
    (tmp_path / "private").chmod(0o700)
    return above / "data"


def modes_above(*paths: Path) -> dict[Path, int]:
    return {above: above.stat().st_mode for path in paths for above in path.parents}


def embedded_postgres(data: DataDir, port: HeldPort) -> EmbeddedPostgres:
    return EmbeddedPostgres(data, port.number, "secret", ENVIRONMENT)


async def kill_and_await(supervisor: Supervisor, name: str, answers: Callable[[], Awaitable[None]]) -> None:
    """End a part as a crash would, and return when another process answers in its place."""
    killed = supervisor.pids()[name]
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    async with asyncio.timeout(15):
        while supervisor.pids()[name] in (None, killed):  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.02)
        while True:
            with suppress(OSError, aiohttp.ClientError, asyncpg.PostgresError):
                return await answers()
            await asyncio.sleep(0.02)


async def test_postgres_keeps_committed_rows_on_its_port_when_it_is_killed(
    closed: Path, supervisor: Supervisor
) -> None:
    with opened(closed) as data:
        postgres = embedded_postgres(data, HeldPort.free())
        await supervisor.start(await postgres.prepared())
        await run(postgres.url(), "CREATE TABLE fills AS SELECT 10 AS quantity")
        await kill_and_await(
            supervisor, "postgres", lambda: run(postgres.url(), "SELECT quantity FROM fills")
        )


async def test_postgres_goes_on_with_its_data_when_up_is_started_again(closed: Path) -> None:
    with opened(closed) as data:
        for statement in ("CREATE TABLE fills AS SELECT 10 AS quantity", "SELECT quantity FROM fills"):
            supervisor = Supervisor(lambda said: None)
            postgres = embedded_postgres(data, HeldPort.free())
            await supervisor.start(await postgres.prepared())
            await run(postgres.url(), statement)
            await supervisor.stop()


async def test_postgres_refuses_a_client_when_the_password_is_wrong(
    closed: Path, supervisor: Supervisor
) -> None:
    with opened(closed) as data:
        postgres = embedded_postgres(data, HeldPort.free())
        await supervisor.start(await postgres.prepared())
        with pytest.raises(asyncpg.InvalidPasswordError):
            await run(postgres.url(password="guessed"), "SELECT 1")


async def test_modes_of_directories_above_stay_as_they_are_when_postgres_runs(
    closed: Path, supervisor: Supervisor
) -> None:
    above = modes_above(closed, PYTHON)
    with opened(closed) as data:
        postgres = embedded_postgres(data, HeldPort.free())
        await supervisor.start(await postgres.prepared())
        await run(postgres.url(), "SELECT 1")
    assert modes_above(closed, PYTHON) == above
    assert (closed / "postgres").stat().st_mode & 0o077 == 0


async def test_up_refuses_a_cluster_of_another_postgres_version(closed: Path) -> None:
    with opened(closed) as data:
        (data.directory("postgres") / "PG_VERSION").write_text("12\n")
        with pytest.raises(CannotStart, match=r"is of Postgres 12, this Stopwatch brings Postgres 18"):
            await embedded_postgres(data, HeldPort.free()).prepared()


async def test_valkey_keeps_its_keys_on_its_port_when_it_is_killed(
    closed: Path, supervisor: Supervisor
) -> None:
    with opened(closed) as data:
        port = HeldPort.free()
        await supervisor.start(valkey.spec(data, port.number, ENVIRONMENT))
        url = f"redis://127.0.0.1:{port.number}/0"
        async with Redis.from_url(url, decode_responses=True) as client:
            await client.hset("runtime:1", mapping={"position": "bought"})
        await kill_and_await(supervisor, "redis", lambda: probes.redis_pong(port.number))
        async with Redis.from_url(url, decode_responses=True) as client:
            assert await client.hgetall("runtime:1") == {"position": "bought"}


async def test_temporal_answers_on_its_port_when_it_was_killed(closed: Path, supervisor: Supervisor) -> None:
    with opened(closed) as data:
        free = HeldPort.free
        ports = TemporalPorts(free(), free(), free(), free(), free())
        await supervisor.start(temporal.spec(data, ports, "default", ENVIRONMENT))
        await supervisor.start(temporal.ui_guard_spec(data, ports, ENVIRONMENT))
        root = f"http://127.0.0.1:{ports.ui.number}/api/v1"
        await probes.http_ok(f"{root}/namespaces/default")
        await kill_and_await(supervisor, "temporal", lambda: probes.http_ok(f"{root}/namespaces/default"))
        await probes.http_ok(f"http://127.0.0.1:{ports.ui.number}/")


async def test_paper_exchange_keeps_its_accounts_when_it_was_killed(
    closed: Path, supervisor: Supervisor
) -> None:
    with opened(closed) as data:
        port = HeldPort.free()
        root = f"http://127.0.0.1:{port.number}"
        await supervisor.start(rooms.paper(data, port.number, ENVIRONMENT))
        before = await feed_account.opened(root)
        await kill_and_await(supervisor, "paper", lambda: probes.http_ok(f"{root}/_paper/health"))
        after = await feed_account.opened(root)
        # The morning login: the same key, a new token.
        assert after["FEED_API_KEY"] == before["FEED_API_KEY"]
        assert after["FEED_ACCESS_TOKEN"] != before["FEED_ACCESS_TOKEN"]


def test_secrets_are_readable_by_their_owner_alone_when_they_are_made(closed: Path) -> None:
    with opened(closed) as data:
        directory = data.directory("secrets")
        keys.kept_in(directory)
    made = sorted(directory.iterdir())
    assert len(made) > 6, "and the passwords of Redis"
    assert {file.stat().st_mode & 0o777 for file in made} == {0o600}
    assert {room.stat().st_mode & 0o777 for room in (closed, directory)} == {0o700}


def test_secrets_are_the_same_when_up_is_started_again(closed: Path) -> None:
    with opened(closed) as data:
        first = keys.kept_in(data.directory("secrets"))
        assert keys.kept_in(data.directory("secrets")) == first
        assert "secret" not in repr(first)


def test_seal_key_is_the_public_half_of_the_first_private_key() -> None:
    private = X25519PrivateKey.generate()
    named = ",".join(text(key.private_bytes_raw()) for key in (private, X25519PrivateKey.generate()))
    assert keys.seal_key(named) == text(private.public_key().public_bytes_raw())


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
