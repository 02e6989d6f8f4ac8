"""A real Postgres for tests: one embedded server, and databases cloned from a migrated template."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import make_url

from local.postgres import unprivileged_account
from local.postgres_binaries import readable_binaries
from local.process_spec import Account
from migrations import row_security, schema
from migrations.roles import Role, make_roles

OWNER = "owner"
PASSWORD = "owner's"
TEMPLATE = "stopwatch_template"
ROOM = 4 << 30
"""Bytes. A database takes 8 MB, and is dropped after its test."""
API = {"user": "the_api", "password": "the API's"}
"""The API's role, in every database that is made of the template."""
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "timezone": "Asia/Kolkata",  # not UTC on purpose: nothing of ours may depend on the server's zone
}


class PostgresServer:
    """One server of our own on a free port. As root it runs as `nobody`, so its directory is everybody's."""

    def __init__(self, home: Path, binaries: Path, account: Account | None) -> None:
        self.port = _free_port()
        self.home = home
        self._binaries = binaries
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    async def started(cls) -> Self:
        """Make a cluster, start it, and migrate the template."""
        account = unprivileged_account()
        home = Path(tempfile.mkdtemp(prefix="stopwatch-postgres-", dir=_roomy()))
        if account is not None:
            os.chown(home, account.uid, account.gid)
        server = cls(home, await asyncio.to_thread(readable_binaries, account), account)
        await asyncio.to_thread(server._run_initdb)
        await server.start()
        await server.execute(f"CREATE DATABASE {TEMPLATE}")
        await schema.upgrade(server.url(TEMPLATE))
        await make_roles(server.url(TEMPLATE), [Role.of("api", server.url(TEMPLATE, **API))])
        if os.environ.get("STOPWATCH_TEST_WITHOUT_ROW_SECURITY"):
            for table in row_security.TABLES:
                await server.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", TEMPLATE)
        return server

    def api_url(self, owner_url: str) -> str:
        """Return the API's way to a database of `new_database`."""
        return self.url(make_url(owner_url).database or "", **API)

    def url(self, database: str = "postgres", user: str = OWNER, password: str = PASSWORD) -> str:
        return f"postgresql://{quote(user)}:{quote(password)}@127.0.0.1:{self.port}/{database}"

    async def new_database(self) -> str:
        """Return the owner's URL of a new, migrated, empty database."""
        name = f"t_{uuid4().hex}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        return self.url(name)

    async def drop(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        await self.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    async def empty_database(self) -> str:
        """Return the owner's URL of a new database with nothing in it."""
        name = f"t_{uuid4().hex}"
        await self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    async def execute(self, sql: str, database: str = "postgres") -> None:
        connection = await asyncpg.connect(self.url(database))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def start(self) -> None:
        """Start on the same port and data; returns when it answers."""
        options = [
            word
            for item in {**_SETTINGS, "port": self.port}.items()
            for word in ("-c", "{}={}".format(*item))
        ]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - forks at once, nothing to wait for
                [self._binaries / "postgres", "-D", self.home / "data", *options],
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._identity(),
            )
        await self._answering()

    async def stop(self) -> None:
        """End the server at once, as a crash would for its clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            await asyncio.to_thread(self._process.wait, 30)
            self._process = None

    def freeze(self) -> None:
        """Stop every process of the server where it is: connections stay open and nothing answers."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    async def close(self) -> None:
        """End the server and remove its data."""
        await self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def _run_initdb(self) -> None:
        (self.home / "password").write_text(PASSWORD)
        subprocess.run(
            [
                self._binaries / "initdb",
                *("--pgdata", self.home / "data", "--username", OWNER, "--auth=scram-sha-256"),
                *("--pwfile", self.home / "password"),
                *("--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
            **self._identity(),
        )

    def _identity(self) -> dict[str, Any]:
        if self._account is None:
            return {}
        return {"user": self._account.uid, "group": self._account.gid, "extra_groups": []}

    async def _answering(self) -> None:
        async with asyncio.timeout(30):
            while True:
                try:
                    await self.execute("SELECT 1")
                except (OSError, asyncpg.PostgresError):
                    await asyncio.sleep(0.05)
                else:
                    return

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        for pid in (self._process.pid, *_children(self._process.pid)):
            os.kill(pid, number)


def _roomy() -> str:
    """Return memory where there is enough: a database is copied in 17 ms there, on a disk in up to 300."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
    return str(memory) if has_room else tempfile.gettempdir()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> list[int]:
    # Postgres' processes lead groups of their own, so one signal to the group would not reach them.
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
