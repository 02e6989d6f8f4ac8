"""Runs the embedded Postgres: calls its binaries directly and supervises the postmaster.

Postgres refuses to run as root. As root we run it as `nobody`, without changing the mode of any directory
that is not ours: the cluster's directory is opened by us and passed as a descriptor, because the path
`/proc/self/fd/N` leads there whatever the modes of the directories above are. So the data stays in the data
directory, which stays closed. The programs are used in place if `nobody` can read them, else copied once to a
readable directory.
"""

import asyncio
import os
import pwd
import shutil
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from local import child
from local.data_dir import DataDir
from local.keys import write_secret
from local.postgres_binaries import MAJOR, readable_binaries
from local.process_spec import Account, ProcessSpec
from local.start_errors import CannotStart, ProcessFailed

OWNER = "stopwatch"
DATABASE = "stopwatch"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # One machine, small rows: helper processes for reading ahead and for replication only cost memory.
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "max_parallel_workers": "0",
}


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A cluster in the data directory, and how to reach it."""

    data: DataDir
    port: int
    password: str = field(repr=False)
    environment: dict[str, str] = field(repr=False)

    def url(self, user: str = OWNER, password: str | None = None) -> str:
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{DATABASE}"

    async def prepared(self) -> ProcessSpec:
        """Make the cluster on first use, and return the spec of its process."""
        account = unprivileged_account()
        binaries = await asyncio.to_thread(readable_binaries, account)
        cluster = self.data.root / "postgres"
        if not cluster.exists():
            await self._make_cluster(cluster, binaries, account)
        _check_version(cluster)
        place, inherits = _way_to(cluster, account)
        return ProcessSpec(
            name="postgres",
            command=(str(binaries / "postgres"), "-D", place, *self._options()),
            log=self.data.log("postgres"),
            ready=self._ready,
            environment=self.environment,
            account=account,
            inherits=inherits,
            # SIGINT is a fast shutdown; SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
        )

    def _options(self) -> tuple[str, ...]:
        settings = {**_SETTINGS, "port": str(self.port)}
        return tuple(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))

    async def _ready(self) -> None:
        try:
            connection = await asyncpg.connect(self.url(), timeout=2)
        except asyncpg.InvalidCatalogNameError:
            await self._make_database()
            connection = await asyncpg.connect(self.url(), timeout=2)
        await connection.close()

    async def _make_database(self) -> None:
        connection = await asyncpg.connect(self.url().removesuffix(DATABASE) + "postgres", timeout=2)
        try:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()

    async def _make_cluster(self, cluster: Path, binaries: Path, account: Account | None) -> None:
        # Made aside and renamed: a start that is cut short leaves nothing that looks like a cluster.
        aside = self.data.root / "postgres.new"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        password = aside / "password"
        write_secret(password, self.password)
        made = aside / "cluster"
        made.mkdir(mode=0o700)
        _give(account, aside, password, made)
        place, inherits = _way_to(aside, account)
        try:
            await child.run_to_end(
                "Making the Postgres cluster",
                _initdb(binaries, place),
                log=self.data.log("postgres"),
                environment=self.environment,
                account=account,
                inherits=inherits,
            )
        finally:
            for descriptor in inherits:
                os.close(descriptor)
        made.rename(cluster)
        shutil.rmtree(aside)


def _initdb(binaries: Path, place: str) -> list[str]:
    return [
        str(binaries / "initdb"),
        *("--pgdata", f"{place}/cluster"),
        *("--username", OWNER),
        *("--pwfile", f"{place}/password"),
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ]


def unprivileged_account() -> Account | None:
    if os.geteuid() != 0:
        _check_named(os.geteuid())
        return None
    if sys.platform != "linux":
        raise ProcessFailed("Postgres does not run as root: start `stopwatch up` as another user.")
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ProcessFailed(
            "Postgres does not run as root, and this machine has no user `nobody`: "
            "start `stopwatch up` as another user, or set STOPWATCH_DATABASE_URL."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def _check_named(uid: int) -> None:
    # As in a container that was given a number for a user.
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise ProcessFailed(
            f"Postgres is set up only by a user with a name, and this machine has none for user {uid}: "
            "start `stopwatch up` as another user, or set STOPWATCH_DATABASE_URL."
        ) from None


def with_programs(path: str) -> str:
    """Return a PATH that has the Postgres programs we bring as well, after the machine's own."""
    try:
        return f"{path}:{readable_binaries(unprivileged_account())}"
    except ProcessFailed:
        return path  # a scratch server elsewhere needs none; one here says what it misses


def _give(account: Account | None, *paths: Path) -> None:
    if account is not None:
        for path in paths:
            os.chown(path, account.uid, account.gid)


def _way_to(directory: Path, account: Account | None) -> tuple[str, tuple[int, ...]]:
    """Return a path by which the account reaches the directory, and the descriptors that path needs."""
    if account is None:
        return str(directory), ()
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/self/fd/{descriptor}", (descriptor,)


def _check_version(cluster: Path) -> None:
    mark = cluster / "PG_VERSION"
    found = mark.read_text().strip() if mark.exists() else "none"
    if found != MAJOR:
        raise CannotStart(
            f"The database in {cluster} is of Postgres {found}, this Stopwatch brings Postgres {MAJOR}: "
            "choose another directory with --data-dir, or set STOPWATCH_DATABASE_URL."
        )
