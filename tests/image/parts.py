"""Postgres, Valkey and Temporal at the addresses of the Compose file, from the packages of `stopwatch up`."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from local.data_dir import DataDir
from local.postgres import EmbeddedPostgres
from local.process_spec import ProcessSpec
from local.supervisor import Supervisor
from local.valkey import spec as valkey_spec


@asynccontextmanager
async def parts(home: Path, secrets: Path) -> AsyncIterator[None]:
    """Start the three, each with what `stopwatch keys new --secrets-dir` made for it."""
    data = DataDir(home)
    supervisor = Supervisor(lambda line: print(f"image: {line}"))  # noqa: T201 - the script's own log
    environment = dict(os.environ)
    password = (secrets / "postgres_password").read_text().strip()
    try:
        postgres = EmbeddedPostgres(data, 5432, password, environment)
        await supervisor.start(await postgres.prepared())
        await supervisor.start(_valkey(data, secrets, environment))
        await supervisor.start(_temporal(data, environment))
        yield
    finally:
        await supervisor.stop()


def _valkey(data: DataDir, secrets: Path, environment: dict[str, str]) -> ProcessSpec:
    """Return the server of `up`, with the users that the container's server is given."""
    users = data.directory("redis") / "users.acl"
    users.write_text((secrets / "redis_users").read_text())
    plain = valkey_spec(data, 6379, environment)
    return replace(plain, command=(*plain.command, "--aclfile", str(users)))


def _temporal(data: DataDir, environment: dict[str, str]) -> ProcessSpec:
    program = str(Path(sys.executable).parent / "temporal")
    return ProcessSpec(
        name="temporal",
        command=(program, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", "7233"),
        log=data.log("temporal"),
        ready=lambda: _cluster_health(program),
        environment=environment,
    )


async def _cluster_health(program: str) -> None:
    asked = subprocess.run(  # noqa: ASYNC221 - nothing else runs beside it
        [program, "operator", "cluster", "health", "--address", "127.0.0.1:7233"], capture_output=True
    )
    if asked.returncode:
        raise ConnectionError(asked.stderr.decode(errors="replace"))
