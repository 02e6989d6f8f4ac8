"""A scratch server with the newest backup in it: started here by `deploy/restore-scratch.sh`, or found."""

import asyncio
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from migrations.migration_errors import MigrationError

SCRIPT = Path(__file__).resolve().parent.parent / "deploy" / "restore-scratch.sh"
NAME = "stopwatch-scratch"
"""What such a server calls itself (`cluster_name`): nothing is asked of any other."""
LOOK_AGAIN = 1.0


class NotRestored(MigrationError):
    """No scratch server came up with the backup in it."""


@asynccontextmanager
async def restored(
    live_url: str, backups: Path, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[str]:
    """Restore the newest backup there; give the address of its database. Raises `NotRestored`.

    `environment` has the programs of the version that made the backup in its PATH.
    """
    if not SCRIPT.exists():
        raise NotRestored(
            f"{SCRIPT} is not there: run this in a checkout, or start that script elsewhere and name its "
            "server with --server."
        )
    with _open_directory() as home:
        port = _free_port()
        words = {"BACKUPS": str(backups), "SCRATCH": f"{home}/scratch", "PORT": str(port), "EVERY": ""}
        script = await asyncio.create_subprocess_exec(
            "/bin/sh", str(SCRIPT), env={**environment, **words}, start_new_session=True, stdout=2
        )
        try:
            url = at_server(live_url, f"127.0.0.1:{port}")
            await _answering(url, script)
            yield url
        finally:
            if script.returncode is None:
                script.send_signal(signal.SIGTERM)
                await script.wait()


@asynccontextmanager
async def served(live_url: str, server: str) -> AsyncIterator[str]:
    """Give the address of the database in the scratch server at HOST:PORT, once it answers."""
    url = at_server(live_url, server)
    await _answering(url, None)
    yield url


async def gone(url: str) -> None:
    """Return when that server answers no more: the next that does holds a newer state."""
    while True:
        try:
            await (await asyncpg.connect(url, timeout=5)).close()
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return
        await asyncio.sleep(60 * LOOK_AGAIN)


def at_server(url: str, server: str) -> str:
    """Return the address of the same database and user at another HOST:PORT."""
    parts = urlsplit(url.replace("+asyncpg", "", 1))
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}{server}", query=""))


async def _answering(url: str, script: asyncio.subprocess.Process | None) -> None:
    """Wait while it restores, for as long as its script runs; one at an address, for ever."""
    while True:
        with suppress(OSError, TimeoutError, asyncpg.CannotConnectNowError):
            try:
                connection = await asyncpg.connect(url, timeout=5)
            except (
                asyncpg.InvalidAuthorizationSpecificationError,
                asyncpg.InvalidCatalogNameError,
            ) as refused:
                raise NotRestored(
                    f"The restored server does not let us in ({refused}): its users and passwords are those "
                    "of the time of the backup. Name the owner's address of then in STOPWATCH_DATABASE_URL."
                ) from None
            try:
                name = await connection.fetchval("SHOW cluster_name")
            finally:
                await connection.close()
            if name != NAME:
                raise NotRestored(
                    f"The server at {urlsplit(url).netloc.rpartition('@')[2]} is no scratch server "
                    "(deploy/restore-scratch.sh starts one), so nothing was done there."
                )
            return
        if script is not None and script.returncode is not None:
            raise NotRestored(
                "The backup could not be restored: the lines above say why. Until a drill "
                "succeeds, it is unknown whether the database could be had back."
            )
        await asyncio.sleep(LOOK_AGAIN)


@contextmanager
def _open_directory() -> Iterator[str]:
    # The server is nobody's where we are root, and has to come in; what it makes there is closed.
    with tempfile.TemporaryDirectory(prefix="stopwatch-drill-", dir=_roomy()) as home:
        Path(home).chmod(0o755)
        yield home


def _roomy() -> str:
    # Not /tmp, which may be memory.
    return "/var/tmp" if os.access("/var/tmp", os.W_OK) else tempfile.gettempdir()  # noqa: S108 # nosec B108


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
