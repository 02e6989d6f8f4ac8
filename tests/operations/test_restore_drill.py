"""The whole way back: base backup and WAL by the scripts, restored and examined by the command."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.engine import Store
from adapters.postgres.watchers import Watchers
from tests.operations.backup_place import BackupPlace, a_server
from tests.operations.restore_drill import play
from tests.postgres import PostgresServer
from tests.store_rows import Desk

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[PostgresServer]:
    async with a_server() as started:
        yield started


@pytest.fixture
async def place(server: PostgresServer, tmp_path: Path) -> AsyncIterator[BackupPlace]:
    url = await server.new_database()
    yield BackupPlace(url, tmp_path)
    await server.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active"
    )
    await server.drop(url)


@pytest.fixture
async def store(place: BackupPlace) -> AsyncIterator[Store]:
    opened = Store.open(place.url)
    yield opened
    await opened.close()


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await what():  # noqa: ASYNC110 - the state is the server's
            await asyncio.sleep(0.2)


async def archived_beyond(store: Store) -> None:
    """Wait until everything committed up to now is in the archive."""
    async with store.read() as session:
        now = (await session.connection()).exec_driver_sql
        asked = (await now("SELECT clock_timestamp()")).scalar_one()

    async def reached() -> bool:
        age = await Watchers(store).wal_archive_age()
        async with store.read() as session:
            run = (await session.connection()).exec_driver_sql
            current = (await run("SELECT clock_timestamp()")).scalar_one()
        return age is not None and current - age > asked

    await until(reached)


async def traded(store: Store) -> Desk:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start())
    await desk.bought()
    return desk


async def test_what_was_bought_a_second_before_the_loss_comes_back(place: BackupPlace, store: Store) -> None:
    """The base backup is from before the purchase: the WAL archive alone has it."""
    async with place.archive():
        status, said = await place.script("base-backup.sh")
        assert status == 0, said
        await traded(store)
        await archived_beyond(store)
    status, said = await place.drill()
    assert status == 0, said
    assert "ok    2 orders" in said
    assert "ok    the audit log holds" in said
    assert "ok    the live database has nothing older that is missing here" in said
    ages = re.search(r"restored to .* UTC: (\d+) s before its files were taken", said)
    assert ages, said
    assert (await Watchers(store).drill_age() or timedelta(days=1)) < timedelta(minutes=5)
    assert (await Watchers(store).base_backup_age() or timedelta(days=1)) < timedelta(minutes=5)


async def test_orders_that_are_placed_meanwhile_come_back_up_to_the_last_seconds(tmp_path: Path) -> None:
    drilled = await play(tmp_path, seconds=15)
    assert drilled.status == 0, drilled.said
    assert drilled.orders_back >= drilled.orders > 0


async def test_orders_that_do_not_add_up_are_named_and_the_drill_has_failed(
    place: BackupPlace, store: Store
) -> None:
    desk = await traded(store)
    database = await asyncpg.connect(place.url)
    await database.execute("UPDATE orders SET filled_quantity = 11, quantity = 10 WHERE leg = 'entry'")
    await database.execute("UPDATE audit_heads SET seq = seq + 1")
    await database.execute("UPDATE wal_archive SET marked_at = clock_timestamp()")
    await database.close()
    status, said = await place.script("base-backup.sh")
    assert status == 0, said
    status, said = await place.drill()
    assert status == 1, said
    assert "FAIL  1 orders have more filled than was ordered" in said
    assert "FAIL  1 strategies bought less than their orders" in said
    assert await Watchers(store).drill_age() is None, "a drill with faults is no drill"
    assert (await desk.row()).bought_quantity == 10


async def test_an_order_that_the_backup_lost_is_missed(place: BackupPlace, store: Store) -> None:
    """The live database has it from before the second that the restored one reaches."""
    database = await asyncpg.connect(place.url)
    await database.execute("UPDATE wal_archive SET marked_at = clock_timestamp()")
    assert (await place.script("base-backup.sh"))[0] == 0
    await traded(store)
    await database.execute("UPDATE orders SET created_at = created_at - interval '1 hour'")
    await database.close()
    status, said = await place.drill()
    assert status == 1, said
    assert re.search(r"FAIL  \d rows of orders from before that time are missing", said), said


async def test_a_scratch_server_elsewhere_is_drilled_at_each_restore(
    place: BackupPlace, store: Store
) -> None:
    """As in compose: one container restores again and again, another one looks."""
    async with place.archive():
        assert (await place.script("base-backup.sh"))[0] == 0
        await archived_beyond(store)
        async with place.scratch(EVERY="1", SERVE="10") as server:
            status, said = await place.drill("--server", server)
            assert (status, "ok    0 orders" in said) == (0, True), said
            await traded(store)
            await archived_beyond(store)
            for _ in range(6):
                status, said = await place.drill("--server", server)
                if "ok    2 orders" in said:
                    break
                await asyncio.sleep(5)
            assert (status, "ok    2 orders" in said) == (0, True), said


async def test_without_a_base_backup_the_drill_says_so(place: BackupPlace, store: Store) -> None:
    status, said = await place.drill()
    assert status == 1
    assert "there is no base backup in" in said
    assert "restore drill FAILED" in said
    assert await Watchers(store).drill_age() is None


async def test_a_server_that_is_no_scratch_server_is_not_touched(
    place: BackupPlace, server: PostgresServer
) -> None:
    status, said = await place.drill("--server", f"127.0.0.1:{server.port}")
    assert status == 1
    assert "is no scratch server" in said


async def test_a_base_backup_that_was_cut_short_leaves_nothing_that_looks_like_one(
    place: BackupPlace, store: Store
) -> None:
    status, said = await place.script("base-backup.sh", PGUSER="another")
    assert (status, "base backup FAILED" in said) == (1, True), said
    assert list((place.directory / "base").iterdir()) == []
    assert await Watchers(store).base_backup_age() is None


async def test_older_base_backups_and_their_wal_make_room(place: BackupPlace, store: Store) -> None:
    async with place.archive():
        for _ in range(3):
            status, said = await place.script("base-backup.sh", KEEP="2")
            assert status == 0, said
            await traded(store)
            await archived_beyond(store)
            database = await asyncpg.connect(place.url)
            await database.execute("SELECT pg_switch_wal()")
            await database.close()
            await asyncio.sleep(1.1)  # their names are seconds
        bases = sorted((place.directory / "base").iterdir())
        assert len(bases) == 2
        label = (bases[0] / "backup_label").read_text()
        (first,) = re.findall(r"\(file (\w+)\)", label)
        kept = sorted(path.name for path in (place.directory / "wal").iterdir())
        assert kept[0].removesuffix(".partial") == first
    status, said = await place.drill()
    assert status == 0, said


async def test_an_archive_that_was_away_goes_on_where_it_was(place: BackupPlace, store: Store) -> None:
    async with place.archive() as process:
        assert (await place.script("base-backup.sh"))[0] == 0
        await archived_beyond(store)
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 20)
    await traded(store)
    before = await Watchers(store).wal_archive_age()
    await asyncio.sleep(1.1)
    after = await Watchers(store).wal_archive_age()
    assert before is not None
    assert after is not None
    assert after - before > timedelta(seconds=1), "while nothing is received its age grows"
    async with place.archive():
        await archived_beyond(store)
    status, said = await place.drill()
    assert status == 0, said
    assert "ok    2 orders" in said
