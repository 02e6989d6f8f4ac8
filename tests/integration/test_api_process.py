"""The process itself: what it needs to start, how it says no, how it ends."""

import asyncio
import base64
import os
import re
import resource
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from adapters.postgres.engine import Store
from adapters.postgres.strategies import Strategies
from adapters.secrets.vault import BadKey
from api.__main__ import wired
from domain.broker_login import LoginKind
from domain.errors import Unavailable
from domain.run import StartRun, StopRequest
from domain.session import DayPlan
from domain.strategy import Strategy
from services.auth.tokens import WeakSecret
from settings import MissingSetting, Settings
from tests.postgres import PostgresServer

ROOT = Path(__file__).parent.parent.parent
SEAL_KEY = base64.urlsafe_b64encode(X25519PrivateKey.generate().public_key().public_bytes_raw()).decode()

JWT_KEY = "a signing key for the tests of the process"

GIVEN: dict[str, Any] = {
    "database_url_api": "postgresql://nobody@127.0.0.1:1/none",
    "redis_url": "redis://127.0.0.1:1/0",
    "temporal_address": "127.0.0.1:1",
    "kite_root": "http://127.0.0.1:1",
    "jwt_secret": JWT_KEY,
    "seal_key": SEAL_KEY,
    "_env_file": None,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(database: str, **changed: str) -> dict[str, str]:
    """Return an environment in which only Postgres is there."""
    nowhere = f"127.0.0.1:{free_port()}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
    return {
        **own,
        "STOPWATCH_DATABASE_URL_API": database,
        "STOPWATCH_REDIS_URL": f"redis://{nowhere}/0",
        "STOPWATCH_TEMPORAL_ADDRESS": nowhere,
        "STOPWATCH_KITE_ROOT": f"http://{nowhere}",
        "STOPWATCH_JWT_SECRET": JWT_KEY,
        "STOPWATCH_SEAL_KEY": SEAL_KEY,
        "STOPWATCH_CALENDAR": "always-open",
        **changed,
    }


async def launched(
    environment: dict[str, str], *arguments: str, within: tuple[str, ...] = ()
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(*within, sys.executable, "-m", "api", *arguments),
        cwd=ROOT,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def running(
    environment: dict[str, str], *, within: tuple[str, ...] = ()
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    port = free_port()
    process = await launched(environment, "--port", str(port), within=within)
    address = f"http://127.0.0.1:{port}"
    assert process.stderr is not None
    drain = asyncio.create_task(process.stderr.read())
    try:
        async with httpx.AsyncClient() as http, asyncio.timeout(60):
            while process.returncode is None:
                with suppress(httpx.TransportError):
                    await http.get(f"{address}/health/live")
                    break
                await asyncio.sleep(0.1)
        yield process, address
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await drain


async def test_process_names_the_setting_it_lacks_in_one_sentence() -> None:
    environment = settings("postgresql://nobody@127.0.0.1:1/none")
    del environment["STOPWATCH_SEAL_KEY"]
    process = await launched(environment, "--port", str(free_port()))
    _, said = await process.communicate()
    assert process.returncode == 2
    assert "STOPWATCH_SEAL_KEY is not set" in said.decode()
    assert said.decode().count("\n") == 1


@pytest.mark.parametrize(
    "name", ["database_url_api", "redis_url", "temporal_address", "jwt_secret", "seal_key"]
)
async def test_no_part_starts_without_its_setting(name: str) -> None:
    with pytest.raises(MissingSetting, match=f"STOPWATCH_{name.upper()} is not set"):
        async with wired(Settings(**GIVEN | {name: None})):
            pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("jwt_secret", "changeme"), ("seal_key", "short"), ("seal_key", "?" * 43)),
        *(("push_public_key", "short"), ("push_public_key", "?" * 87)),
    ],
)
async def test_weak_or_malformed_key_is_refused_without_being_shown(name: str, value: str) -> None:
    with pytest.raises((WeakSecret, BadKey), match=f"STOPWATCH_{name.upper()}") as refusal:
        async with wired(Settings(**GIVEN | {name: value})):
            pass
    assert value not in str(refusal.value)


async def test_process_refuses_a_setting_that_is_not_right() -> None:
    environment = settings("postgresql://nobody@127.0.0.1:1/none", STOPWATCH_CALENDAR="moon")
    process = await launched(environment, "--port", str(free_port()))
    _, said = await process.communicate()
    assert process.returncode == 2
    assert "STOPWATCH_CALENDAR" in said.decode()
    assert said.decode().count("\n") == 1


async def test_start_and_login_are_unavailable_when_temporal_was_never_there() -> None:
    now = datetime.now(UTC)
    strategy = Strategy(uuid4(), uuid4(), "TCS", time(9, 30), time(15), Decimal(3500), 10)
    async with wired(Settings(**GIVEN)) as deps:
        with pytest.raises(Unavailable):
            await deps.runs.start(StartRun(uuid4(), strategy, DayPlan(now.date(), now, now, now, now)))
        with pytest.raises(Unavailable):
            await deps.runs.stop("strategy-x", "run-x", StopRequest(), 2)
        with pytest.raises(Unavailable):
            await deps.broker_logins.login(uuid4(), LoginKind.ACCESS_TOKEN, b"sealed")


async def test_process_says_who_is_in_the_way_when_the_port_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        process = await launched(settings("postgresql://nobody@127.0.0.1:1/none"), "--port", port)
        _, said = await process.communicate()
    assert process.returncode == 2
    assert f"127.0.0.1:{port}" in said.decode()
    assert said.decode().count("\n") == 1


async def test_process_serves_what_it_can_while_redis_temporal_and_broker_are_away(
    postgres: PostgresServer, database: str
) -> None:
    async with (
        running(settings(postgres.api_url(database))) as (_, address),
        httpx.AsyncClient(base_url=address) as http,
    ):
        ready = await http.get("/health/ready", timeout=20)
        assert ready.status_code == 503
        assert {error["field"] for error in ready.json()["errors"]} == {"redis", "temporal"}
        credentials = {"email": f"{uuid4().hex}@example.com", "password": "long enough"}
        answer = await http.post("/auth/register", json=credentials, timeout=20)
        assert answer.status_code == 201
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        found = await http.get("/instruments?q=TCS", headers=bearer, timeout=20)
        assert (found.status_code, found.json()["code"]) == (503, "unavailable")
        assert (await http.get("/docs")).status_code == 404


async def test_process_may_leave_no_core_file_whatever_the_host_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        async with running(settings("postgresql://nobody@127.0.0.1:1/none")) as (process, _):
            limits = Path(f"/proc/{process.pid}/limits").read_text()  # noqa: ASYNC240 - no disk is behind it
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert re.search(r"Max core file size +0 +0 ", limits)


def of_process(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


@pytest.mark.skipif(not shutil.which("setpriv"), reason="this system has no setpriv")
async def test_process_serves_as_a_container_confines_it(
    postgres: PostgresServer, database: str, tmp_path: Path
) -> None:
    """No capabilities, no new privileges, not a byte written to any file, its secrets as files."""
    environment = settings(postgres.api_url(database))
    for name in ("DATABASE_URL_API", "JWT_SECRET", "SEAL_KEY"):
        (tmp_path / name).write_text(environment.pop(f"STOPWATCH_{name}") + "\n")
        environment[f"STOPWATCH_{name}_FILE"] = str(tmp_path / name)
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    confined = (
        *("prlimit", "--fsize=0", "--core=0"),
        *("setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"),
    )
    async with (
        running(environment, within=confined) as (process, address),
        httpx.AsyncClient(base_url=address) as http,
    ):
        status = of_process(process.pid, "status")
        assert "NoNewPrivs:\t1" in status
        assert "CapBnd:\t0000000000000000" in status
        assert JWT_KEY not in of_process(process.pid, "environ")
        credentials = {"email": f"{uuid4().hex}@example.com", "password": "long enough"}
        assert (await http.post("/auth/register", json=credentials, timeout=20)).status_code == 201
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_process_ends_in_order_with_a_stream_open(
    postgres: PostgresServer, database: str, number: signal.Signals
) -> None:
    async with (
        running(settings(postgres.api_url(database))) as (process, address),
        httpx.AsyncClient(base_url=address) as http,
    ):
        strategy_id, bearer = await created(http, database)
        path = f"/strategy/{strategy_id}/events"
        async with http.stream("GET", path, headers=bearer, timeout=60) as events:
            assert events.status_code == 200
            lines = events.aiter_lines()
            await anext(lines)
            process.send_signal(number)
            async with asyncio.timeout(10):
                with suppress(httpx.TransportError):
                    async for _ in lines:
                        pass
                assert await process.wait() == 0


async def created(http: httpx.AsyncClient, database: str) -> tuple[str, dict[str, str]]:
    """Register somebody and give him a strategy by its row: without a broker, nobody can create one."""
    credentials = {"email": f"{uuid4().hex}@example.com", "password": "long enough"}
    tokens = (await http.post("/auth/register", json=credentials, timeout=20)).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    user_id = UUID((await http.get("/auth/me", headers=bearer)).json()["user_id"])
    strategy = Strategy(uuid4(), user_id, "TCS", time(9, 30), time(15), Decimal(3500), 10)
    store = Store.open(database)
    async with store.work() as session:
        await Strategies(session, user_id).create(strategy)
    await store.close()
    return str(strategy.strategy_id), bearer


async def test_process_refuses_a_role_that_sees_every_users_rows(database: str) -> None:
    """The owner's address given to the API by mistake."""
    process = await launched(settings(database), "--port", str(free_port()))
    assert process.stderr is not None
    said = (await process.stderr.read()).decode()
    assert await process.wait() == 2
    assert "run `stopwatch migrate`" in said
