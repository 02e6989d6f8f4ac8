"""A Postgres of its own, its backups by the scripts of deploy/, and the drill, as an operator types it."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from local.postgres import with_programs
from local.postgres_binaries import readable_binaries
from tests.e2e.product import free_port
from tests.postgres import PostgresServer

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"


@dataclass(frozen=True)
class BackupPlace:
    """Where the backups of one database lie."""

    url: str
    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        address = make_url(self.url)
        return {
            "PATH": f"{readable_binaries(None)}:{os.environ['PATH']}",
            "PGHOST": str(address.host),
            "PGPORT": str(address.port),
            "PGUSER": str(address.username),
            "PGPASSWORD": str(address.password),
            "PGDATABASE": str(address.database),
            "BACKUPS": str(self.directory),
        }

    async def script(self, name: str, **settings: str) -> tuple[int, str]:
        """Run a script of deploy/ to its end; return its status and what it said."""
        return await _ended([str(DEPLOY / name)], self.environment | settings)

    async def drill(self, *words: str, path: str | None = None) -> tuple[int, str]:
        """Type `stopwatch restore-drill`; return its status and what it said."""
        stopwatch = Path(sys.executable).parent / "stopwatch"
        command = [str(stopwatch), "restore-drill", *(words or ("--backups", str(self.directory)))]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
        environment |= {"STOPWATCH_DATABASE_URL": self.url, "PATH": path or os.environ["PATH"]}
        return await _ended(command, environment)

    @asynccontextmanager
    async def archive(self, **settings: str) -> AsyncIterator[subprocess.Popen[bytes]]:
        """Receive the WAL while the context lasts."""
        log = self.directory / "archive.log"
        with log.open("ab") as said:
            process = subprocess.Popen(  # noqa: ASYNC220 - forks at once
                [str(DEPLOY / "wal-archive.sh")],
                env=self.environment | {"EVERY": "1", "AGAIN": "1"} | settings,
                stdout=said,
                stderr=said,
            )
        try:
            yield process
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 20)

    @asynccontextmanager
    async def scratch(self, **settings: str) -> AsyncIterator[str]:
        """Keep a scratch server with what is in the backups; give its HOST:PORT."""
        port = free_port()
        with open_directory() as home:
            environment = self.environment | {"SCRATCH": f"{home}/scratch", "PORT": str(port)} | settings
            environment["PATH"] = with_programs(os.environ["PATH"])
            process = subprocess.Popen(  # noqa: ASYNC220 - forks at once
                [str(DEPLOY / "restore-scratch.sh")], env=environment
            )
            try:
                yield f"127.0.0.1:{port}"
            finally:
                process.terminate()
                await asyncio.to_thread(process.wait, 30)


@contextmanager
def open_directory() -> Iterator[str]:
    """Give a directory that a server which runs as nobody may enter."""
    with tempfile.TemporaryDirectory(prefix="stopwatch-scratch-") as home:
        Path(home).chmod(0o755)
        yield home


async def _ended(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        cwd="/",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@asynccontextmanager
async def a_server() -> AsyncIterator[PostgresServer]:
    """Give a Postgres of its own, as closed as that of compose: a base backup takes all that a server has."""
    server = await PostgresServer.started()
    try:
        (server.home / "data" / "pg_hba.conf").write_text((DEPLOY / "pg_hba.conf").read_text())
        await server.execute("SELECT pg_reload_conf()")
        yield server
    finally:
        await server.close()
