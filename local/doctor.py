"""Checks whether the product's dependencies can be reached, without printing a secret."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError

_SECONDS = 5.0
STILL_AFTER = 90
"""Seconds, as in `domain.reconciler`, which says why."""
DISK_LEAST = 512 * 1024 * 1024
DISK_LOW_SHARE = 0.1
"""As in the alerts DiskFull and DiskFilling."""
BACKUP_OLD_AFTER = 26 * 3600
"""Seconds, as in the alert BackupOld: one every night, and two hours to make it."""
_STANDBY = "It is a standby, or in a failover: see that the address leads to the primary"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses to check; None where one is not set."""

    databases: dict[str, str | None] = field(repr=False)
    redis: str | None = field(repr=False)
    temporal: str | None
    temporal_namespace: str
    temporal_api_key: str | None = field(repr=False)
    temporal_tls: tuple[Path, Path] | None
    temporal_ca: Path | None
    kite: str
    calendar: tuple[str, Path | None] = ("XNSE", None)
    disk: Path = Path()


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    # None: nothing to ask, since the address is not set.
    well: bool | None
    detail: str


async def examine(addresses: Addresses) -> Sequence[Finding]:
    """Run all checks at once; return one finding each."""
    questions = [
        *(_asked(name, url, _postgres) for name, url in addresses.databases.items()),
        _asked("Redis", addresses.redis, _redis),
        _asked("Temporal", addresses.temporal, lambda address: _temporal(address, addresses)),
        _asked("New runs", addresses.temporal, lambda _: _new_runs(addresses)),
        _asked("Kite", addresses.kite, _kite),
        _asked("Reconciler", _who_may_see(addresses.databases, "owner", "worker", "API"), _reconciler),
        _asked("Backup", _who_may_see(addresses.databases, "owner", "worker"), _backup),
        _asked("Disk", str(addresses.disk), _disk),
        _asked("Calendar", addresses.calendar[0], lambda name: _calendar(name, addresses.calendar[1])),
    ]
    return await asyncio.gather(*questions)


async def _asked(what: str, address: str | None, ask: Callable[[str], Awaitable[str]]) -> Finding:
    if not address:
        return Finding(what, None, "not set")
    try:
        async with asyncio.timeout(_SECONDS):
            return Finding(what, True, await ask(address))
    except _NoMatter as known:
        return Finding(what, None, str(known))
    except TimeoutError:
        return Finding(what, False, f"no answer within {_SECONDS:.0f} s")
    except Exception as error:
        # The libraries' own messages may quote the address with its password: only the kind of error is told.
        return Finding(what, False, _reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, _NotWell):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    known = {
        "InvalidPasswordError": "the password is refused",
        "InvalidAuthorizationSpecificationError": "the login is refused: there is no such user",
        "AuthenticationError": "the login is refused: its password or its user is wrong",
        "InvalidCatalogNameError": "there is no such database",
        "ClientConnectorError": "it cannot be reached",
        "ConnectionError": "it cannot be reached",
        "RuntimeError": "it cannot be reached",
    }
    return known.get(type(error).__name__, type(error).__name__)


async def _postgres(url: str) -> str:
    connection = await asyncpg.connect(url.replace("+asyncpg", "", 1), timeout=_SECONDS)
    try:
        version = await connection.fetchval("SHOW server_version")
        schema = await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
        read_only = await connection.fetchval("SHOW transaction_read_only")
    finally:
        await connection.close()
    if read_only == "on":
        raise _NotWell(f"Postgres {version} refuses what is to be written: it is read-only. {_STANDBY}")
    return f"Postgres {version}" + ("" if schema else ", without the schema")


async def _redis(url: str) -> str:
    client = Redis.from_url(url, socket_connect_timeout=_SECONDS)
    try:
        await _written(client)
        about = await client.info("server")
    except NoPermissionError:  # a user that may not ask for that; it was let in
        return "answers"
    finally:
        await client.aclose()
    version = about.get("valkey_version") or about.get("redis_version", "")
    return f"answers ({about.get('server_name', 'redis')} {version})"


async def _written(client: Redis) -> None:
    """Return when Redis takes what is written. Raises `_NotWell` with why it refuses."""
    try:
        await client.set("stopwatch:probe", "1", px=60_000)
    except OutOfMemoryError:
        raise _NotWell(
            "refuses what is to be written: its memory is full. Give it more (maxmemory)"
        ) from None
    except ReadOnlyError:
        raise _NotWell(f"refuses what is to be written: it is read-only. {_STANDBY}") from None
    except NoPermissionError:
        raise
    except ResponseError as error:
        if not str(error).startswith("MISCONF"):
            raise
        raise _NotWell(
            "refuses what is to be written: it cannot write to its disk. Free space there, or give it more"
        ) from None


async def _temporal(address: str, addresses: Addresses) -> str:
    from temporalio.client import Client, TLSConfig

    pair = addresses.temporal_tls
    authority = addresses.temporal_ca
    tls = TLSConfig(
        server_root_ca_cert=authority.read_bytes() if authority else None,
        client_cert=pair[0].read_bytes() if pair else None,
        client_private_key=pair[1].read_bytes() if pair else None,
    )
    client = await Client.connect(
        address,
        namespace=addresses.temporal_namespace,
        api_key=addresses.temporal_api_key,
        tls=tls if pair or authority else bool(addresses.temporal_api_key),
    )
    await client.service_client.check_health()
    return f"serves namespace {addresses.temporal_namespace}"


class _NotWell(Exception):
    """A failed check, with its own text."""


class _NoMatter(Exception):
    """A check that does not apply, with its own text."""


def _who_may_see(databases: dict[str, str | None], *roles: str) -> str | None:
    return next((url for role in roles if (url := databases.get(f"Postgres ({role})"))), None)


async def _reconciler(url: str) -> str:
    age = await _age(
        url, "SELECT extract(epoch FROM clock_timestamp() - max(ended_at)) FROM reconciler_round"
    )
    if age is not None and age <= STILL_AFTER:
        return f"last went round {age:.0f} s ago"
    since = "has never gone round" if age is None else f"last went round {_span(age)} ago"
    raise _NotWell(
        f"{since}, and should every few seconds: terminated runs are not taken over, a kill switch sells "
        "only what it told itself, an emptied Redis is not filled. See that a worker of Temporal's current "
        "version runs (docs/operations.md, ReconcilerStill)"
    )


async def _backup(url: str) -> str:
    age = await _age(url, "SELECT extract(epoch FROM clock_timestamp() - max(finished_at)) FROM backups")
    if age is None:
        raise _NoMatter("none was ever recorded; deploy/backup.sh makes and records one")
    if age > BACKUP_OLD_AFTER:
        raise _NotWell(f"the newest is {_span(age)} old (docs/operations.md, BackupOld)")
    return f"the newest is {_span(age)} old"


async def _age(url: str, query: str) -> float | None:
    connection = await asyncpg.connect(url.replace("+asyncpg", "", 1), timeout=_SECONDS)
    try:
        found = await connection.fetchval(query)
    except asyncpg.UndefinedTableError:
        raise _NotWell("not known: the schema is older than this version; run `stopwatch migrate`") from None
    finally:
        await connection.close()
    return None if found is None else float(found)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 3600 else f"{seconds / 3600:.0f} hours"


async def _calendar(name: str, overrides: Path | None) -> str:
    return await _told_by("adapters.calendar.exchange", name, *([str(overrides)] if overrides else []))


async def _new_runs(addresses: Addresses) -> str:
    """Ask whether a START would be taken: by search attributes, namespace, and a worker for new runs."""
    database = _who_may_see(addresses.databases, "worker", "API", "owner")
    if database is None:
        raise _NoMatter("without a database it is not known which workers are alive")
    pair = addresses.temporal_tls or (None, None)
    named = {
        "DATABASE_URL": database,
        "TEMPORAL_ADDRESS": addresses.temporal,
        "TEMPORAL_NAMESPACE": addresses.temporal_namespace,
        "TEMPORAL_API_KEY": addresses.temporal_api_key,
        "TEMPORAL_TLS_CERT": pair[0],
        "TEMPORAL_TLS_KEY": pair[1],
        "TEMPORAL_TLS_CA": addresses.temporal_ca,
    }
    given = {f"STOPWATCH_{name}": str(value) for name, value in named.items() if value}
    return await _told_by("adapters.temporal.readiness", more=given)


async def _disk(directory: str) -> str:
    try:
        usage = shutil.disk_usage(directory)
    except OSError as error:
        raise _NotWell(f"{directory} cannot be looked at ({error.strerror})") from None
    left = f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.0f} GB are left under {directory}"
    if usage.free < DISK_LOW_SHARE * usage.total or usage.free < DISK_LEAST:
        raise _NotWell(f"{left}: free space before Postgres and Redis refuse to write (DiskFilling)")
    return left


async def _told_by(module: str, *words: str, more: dict[str, str] | None = None) -> str:
    # Its own process: rooms of the product are started, not imported, from here.
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module, *words),
        env={**os.environ, **(more or {})},
        stdout=PIPE,
        stderr=PIPE,
    )
    told, complaint = await child.communicate()
    if child.returncode:
        raise _NotWell(complaint.decode(errors="replace").strip())
    return told.decode().strip()


async def _kite(root: str) -> str:
    # Without a login the answer is an error of the exchange's own; that it answers is what counts.
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as http, http.get(root) as answer:
        return f"answers ({root}, status {answer.status})"
