"""A backup is worth what comes out of it: made by the script, restored by the script, and compared."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from adapters.postgres.all_tables import METADATA
from adapters.postgres.engine import Store
from adapters.postgres.operation_tables import BackupRow
from adapters.postgres.watchers import Watchers
from local.postgres_binaries import readable_binaries
from local.process_spec import Account
from tests.postgres import PostgresServer
from tests.store_rows import Desk

ROOT = Path(__file__).resolve().parent.parent.parent
OVERLAY = (ROOT / "deploy" / "production.yml").read_text()


@pytest.fixture
async def desk(store: Store) -> Desk:
    """A strategy that has bought, with its orders, its story and its audit line."""
    made = await Desk.made(store)
    await made.runs.activate(made.start())
    await made.bought()
    return made


async def script(
    name: str, url: str, *words: str, account: Account | None = None, **environment: str
) -> tuple[int, str]:
    """Run a script of deploy/ against a database, as a user; return its status and what it said."""
    address = make_url(url)
    known = {
        "PATH": f"{readable_binaries(account)}:{os.environ['PATH']}",
        "PGHOST": str(address.query.get("host") or address.host),
        "PGPORT": str(address.port or 5432),
        "PGUSER": str(address.username),
        "PGPASSWORD": str(address.password or ""),
        "PGDATABASE": str(address.database),
    }
    who = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    # Read by us and given as words: who is somebody else may not reach our directories.
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", (ROOT / "deploy" / name).read_text(), name),
        *words,
        **who,  # type: ignore[arg-type]
        cwd="/",
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
            for table in METADATA.sorted_tables
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
        there, here = await contents(restored), await contents(store)
        # A backup is noted when it is good, so it does not hold its own line.
        assert (there["counts"].pop("backups"), here["counts"].pop("backups")) == (0, 1)
        assert there == here
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


async def noted(store: Store) -> list[tuple[str, int]]:
    async with store.read() as session:
        rows = (await session.scalars(select(BackupRow).order_by(BackupRow.backup_id))).all()
    return [(row.name, row.bytes) for row in rows]


async def test_a_good_backup_is_noted_with_its_size_and_a_failed_one_is_not(
    database: str, store: Store, tmp_path: Path
) -> None:
    assert await Watchers(store).backup_age() is None
    await script("backup.sh", database, BACKUPS=str(tmp_path))
    (dump,) = backups(tmp_path)
    assert await noted(store) == [(dump.name, dump.stat().st_size)]
    age = await Watchers(store).backup_age()
    assert age is not None
    assert age.total_seconds() < 60
    await script("backup.sh", database, BACKUPS=str(tmp_path / "nowhere"))
    await script("backup.sh", database, BACKUPS=str(tmp_path), PGDATABASE="nowhere")
    assert len(await noted(store)) == 1


async def test_a_backup_that_cannot_be_noted_has_failed_and_is_kept(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """A database that was never migrated: nothing could tell how old its backup is."""
    status, said = await script("backup.sh", await postgres.empty_database(), BACKUPS=str(tmp_path))
    assert (status, "FAILED" in said, "stopwatch migrate" in said) == (1, True, True)
    assert len(backups(tmp_path)) == 1


@pytest.fixture
def volumes() -> Iterator[Path]:
    """What Docker makes of two new volumes whose place the image does not have: root's."""
    if os.getuid() != 0:
        pytest.skip("giving a folder to another user needs root: run this test as root")
    place = Path(tempfile.mkdtemp(prefix="volumes-"))
    place.chmod(0o755)
    for name in ("backups", "scratch", "acme"):
        (place / name).mkdir(mode=0o755)
    yield place
    shutil.rmtree(place)


def uid_of(service: str) -> Account:
    found = re.search(rf'^  {service}:.*?^    user: "(\d+):(\d+)"', OVERLAY, re.MULTILINE | re.DOTALL)
    assert found
    return Account(int(found[1]), int(found[2]))


def first_container(place: Path) -> None:
    """Run what the overlay's `owners` runs, on these volumes."""
    (command,) = re.findall(r'entrypoint: \["/bin/sh", "-c", "(chown .*)"\]', OVERLAY)
    here = re.sub(r" /(backups|scratch|acme)", rf" {place}/\1", command)
    subprocess.run(["/bin/sh", "-c", here], check=True)


async def test_the_overlays_user_writes_a_backup_into_the_overlays_volume(
    database: str, store: Store, volumes: Path
) -> None:
    who = uid_of("backup")
    status, said = await script("backup.sh", database, account=who, BACKUPS=str(volumes / "backups"))
    assert (status, backups(volumes / "backups")) == (1, [])
    assert f"uid {who.uid} cannot write to {volumes}/backups" in said
    for _ in range(2):  # at each `up`, also when there is something in it
        first_container(volumes)
        status, said = await script("backup.sh", database, account=who, BACKUPS=str(volumes / "backups"))
        assert status == 0, said
    assert {path.stat().st_uid for path in backups(volumes / "backups")} == {who.uid}
    proxy = uid_of("proxy")
    assert ((volumes / "acme").stat().st_uid, (volumes / "acme").stat().st_gid) == (proxy.uid, proxy.gid)
