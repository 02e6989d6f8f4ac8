"""Examines a restored database as if there were no other: is all of it there, and how old is it?"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg

from adapters.postgres.audit import AuditCheck
from adapters.postgres.engine import Store
from adapters.postgres.order_checks import CHECKS, missing_rows, order_faults
from migrations import schema
from migrations.migration_errors import MigrationError

# What a restore reached: the newest commit it replayed. Where it replayed none, the backup's own newest mark.
_RESTORED_TO = "SELECT coalesce(pg_last_xact_replay_timestamp(), (SELECT marked_at FROM wal_archive))"


@dataclass(slots=True)
class RestoredState:
    """What came back. `lines` are the checks that held, `faults` what did not."""

    backup: str
    taken_at: datetime
    """When the files of the backup and its WAL were taken."""
    restored_to: datetime | None
    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def age(self) -> timedelta | None:
        """How much of the newest past was not in the backup and its WAL; None where that is unknown."""
        return None if self.restored_to is None else max(self.taken_at - self.restored_to, timedelta())


async def examine(url: str, live_url: str) -> RestoredState:
    """Check the restored database, and compare it with the live one where that answers."""
    database = await asyncpg.connect(url)
    try:
        state = RestoredState(
            await database.fetchval("SHOW stopwatch.backup"),
            datetime.fromtimestamp(int(await database.fetchval("SHOW stopwatch.taken_at")), UTC),
            await database.fetchval(_RESTORED_TO),
        )
        await _schema(state, url)
        await _audit(state, url)
        state.faults += (wrong := await order_faults(database))
        if not wrong:
            orders = await database.fetchval("SELECT count(*) FROM orders")
            state.lines.append(f"{orders} orders: each of {len(CHECKS)} checks holds")
        await _compare(state, database, live_url)
    finally:
        await database.close()
    return state


async def _schema(state: RestoredState, url: str) -> None:
    # A backup of before the last migration is migrated, as it would be in earnest.
    try:
        revision = await schema.upgrade(url)
        await schema.check(url)
    except MigrationError as differs:
        state.faults.append(str(differs))
    else:
        state.lines.append(f"the schema is that of revision {revision}")


async def _audit(state: RestoredState, url: str) -> None:
    store = Store.open(url, pool_size=1, application="stopwatch restore-drill")
    try:
        heads, broken = await AuditCheck(store).run()
    finally:
        await store.close()
    state.faults += [f"audit chain {one.chain}, line {one.seq}: {one.what}" for one in broken]
    if not broken:
        lines = sum(head.seq for head in heads)
        state.lines.append(f"the audit log holds: {lines} lines in {len(heads)} chains")


async def _compare(state: RestoredState, database: asyncpg.Connection, live_url: str) -> None:
    if state.restored_to is None:
        state.faults.append(
            "it is unknown how old the restored state is: it holds no mark of the WAL archive"
        )
        return
    try:
        live = await asyncpg.connect(live_url.replace("+asyncpg", "", 1), timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        state.lines.append("not compared with the live database, which does not answer")
        return
    try:
        missing = await missing_rows(database, live, state.restored_to)
    finally:
        await live.close()
    state.faults += missing
    if not missing:
        state.lines.append("the live database has nothing older that is missing here")
