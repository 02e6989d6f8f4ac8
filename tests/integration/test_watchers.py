"""The age of the reconciler's last round and of the last backup, on a real Postgres: unknown is not young."""

import math
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import func, insert, update
from sqlalchemy.engine import make_url

from adapters.postgres.engine import Store
from adapters.postgres.operation_tables import (
    BackupRow,
    ReconcilerRound,
)
from adapters.postgres.operator_alerts import PostgresOperatorAlerts
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from adapters.postgres.watchers import Watchers
from adapters.telemetry.operations_metrics import OperationsMetrics, OperationsWatch
from adapters.telemetry.round_watch import RoundWatch
from domain.errors import StandsStill, StoreUnavailable
from domain.reconciler import STILL_AFTER
from local import doctor
from local.doctor import Addresses, Finding, examine
from migrations.roles import Role, make_roles
from tests.api_world import new_world
from tests.fakes.manual_clock import ManualClock
from tests.integration.test_desk_numbers import Counted, read
from tests.postgres import PostgresServer
from tests.unit.test_observability import RULES
from workflows import policies


@pytest.fixture
async def worker(database: str) -> AsyncIterator[Watchers]:
    """The watchers as the worker's role sees them."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    await make_roles(database, [Role.of("worker", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield Watchers(opened)
    await opened.close()


async def went_round(store: Store, ago: timedelta) -> None:
    async with store.work() as session:
        await session.execute(update(ReconcilerRound).values(ended_at=func.clock_timestamp() - ago))


async def waited(seconds: float, watchers: Watchers) -> RoundWatch:
    """Return the watch of a process that has been there for so long."""
    clock = ManualClock()
    watch = RoundWatch(watchers.round_age, clock)
    await clock.advance(seconds)
    return watch


async def test_a_round_is_written_down_by_the_worker_and_read_by_both(
    store: Store, worker: Watchers, postgres: PostgresServer, database: str
) -> None:
    assert await worker.round_age() is None, "never: not zero"
    await worker.round_ended()
    age = await worker.round_age()
    assert age is not None
    assert timedelta(0) <= age < timedelta(seconds=10)
    api = Store.open(postgres.api_url(database))
    try:
        assert await Watchers(api).round_age() is not None
        with pytest.raises(Exception, match="permission denied"):
            await Watchers(api).round_ended()
    finally:
        await api.close()


async def test_a_stale_round_is_told_with_what_it_means_and_what_to_do(store: Store) -> None:
    await went_round(store, STILL_AFTER + timedelta(seconds=5))
    with pytest.raises(StandsStill, match=r"last went round 9\d s ago") as still:
        await (await waited(STILL_AFTER.total_seconds() + 1, Watchers(store))).check()
    assert "kill switch" in str(still.value)
    assert "ReconcilerStill" in str(still.value)


async def test_a_round_that_never_was_is_older_than_any(store: Store) -> None:
    with pytest.raises(StandsStill, match="last went round never"):
        await (await waited(STILL_AFTER.total_seconds() + 1, Watchers(store))).check()


@pytest.mark.parametrize("ago", [None, timedelta(hours=10)])
async def test_a_process_that_has_just_begun_waits_for_the_first_round(
    store: Store, ago: timedelta | None
) -> None:
    """A fresh installation, and one that was off for the night."""
    if ago is not None:
        await went_round(store, ago)
    await (await waited(STILL_AFTER.total_seconds() - 1, Watchers(store))).check()


async def test_a_young_round_is_well(store: Store) -> None:
    await went_round(store, timedelta(seconds=66))  # a worker killed in the longest round
    await (await waited(3600, Watchers(store))).check()


async def test_ready_names_the_reconciler_that_stands_still_beside_what_is_away(
    store: Store, passwords: object
) -> None:
    async def gone() -> None:
        raise OSError("temporal:7233 refused")

    await went_round(store, timedelta(minutes=5))
    still = (await waited(3600, Watchers(store))).check
    world = new_world(store, passwords, checks={"temporal": gone, "reconciler": still})  # type: ignore[arg-type]
    answer = await world.http.get("/health/ready")
    assert answer.status_code == 503
    errors = {error["field"]: error["code"] for error in answer.json()["errors"]}
    assert errors == {"temporal": "unavailable", "reconciler": "stands_still"}
    assert answer.json()["detail"].startswith("Not answering: temporal. The reconciler last went round 30")
    assert (await world.http.get("/health/live")).status_code == 200


async def test_the_ages_are_numbers_and_never_is_infinite(store: Store, worker: Watchers) -> None:
    registry, clock = CollectorRegistry(), ManualClock()
    counts = (Counted(0).count, Counted(0).count)
    watch = OperationsWatch(
        OperationsMetrics(registry),
        PostgresOperatorAlerts(store),
        *counts,
        clock,
        worker,
        PostgresOverdueRuns(store),
    )
    assert math.isnan(read(registry, "reconciler_age_seconds")), "nothing was read yet"
    await watch.look()
    assert read(registry, "reconciler_age_seconds") == math.inf
    for name in ("backup", "base_backup", "wal_archive", "restore_drill"):
        assert read(registry, f"{name}_age_seconds") == math.inf
    assert watch.still is None, "it has just begun to watch"

    await went_round(store, timedelta(seconds=120))
    async with store.work() as session:
        values = {"name": "stopwatch-1.dump", "bytes": 70_000}
        made_at = func.clock_timestamp() - timedelta(hours=30)
        await session.execute(insert(BackupRow).values(**values, finished_at=made_at))
    await clock.advance(STILL_AFTER.total_seconds() + 1)
    await watch.look()
    assert 120 <= read(registry, "reconciler_age_seconds") < 130
    assert 30 * 3600 <= read(registry, "backup_age_seconds") < 30 * 3600 + 10
    assert watch.still is not None

    await worker.round_ended()
    await watch.look()
    assert read(registry, "reconciler_age_seconds") < 10
    assert watch.still is None


class Silent(Watchers):
    """Postgres does not answer."""

    async def round_age(self) -> timedelta | None:
        raise StoreUnavailable("no answer")

    backup_age = base_backup_age = wal_archive_age = drill_age = round_age


async def test_an_age_that_cannot_be_read_is_unknown(store: Store) -> None:
    registry = CollectorRegistry()
    counts = (Counted(0).count, Counted(0).count)
    watch = OperationsWatch(
        OperationsMetrics(registry),
        PostgresOperatorAlerts(store),
        *counts,
        ManualClock(),
        Silent(store),
        PostgresOverdueRuns(store),
    )
    await watch.look()
    assert math.isnan(read(registry, "reconciler_age_seconds"))
    for name in ("backup", "base_backup", "wal_archive", "restore_drill"):
        assert math.isnan(read(registry, f"{name}_age_seconds"))
    assert read(registry, "desk_read_timestamp_seconds") == 0, "so that DeskNotRead tells of it"


async def examined(database: str) -> dict[str, Finding]:
    nothing = {"redis": None, "temporal": None, "temporal_namespace": "default", "temporal_api_key": None}
    more = {"temporal_tls": None, "temporal_ca": None, "kite": "", "calendar": ("", None)}
    asked = Addresses(databases={"Postgres (worker)": database}, **nothing, **more)  # type: ignore[arg-type]
    return {finding.what: finding for finding in await examine(asked)}


async def test_the_doctor_says_since_when_the_reconciler_stands_still(store: Store, database: str) -> None:
    found = (await examined(database))["Reconciler"]
    assert (found.well, "never gone round" in found.detail) == (False, True)
    await went_round(store, timedelta(hours=10))
    found = (await examined(database))["Reconciler"]
    assert (found.well, "last went round 10 hours ago" in found.detail) == (False, True)
    assert "kill switch" in found.detail
    await went_round(store, timedelta(seconds=4))
    found = (await examined(database))["Reconciler"]
    assert (found.well, "last went round" in found.detail) == (True, True)


async def test_the_doctor_says_how_old_the_newest_backup_is(store: Store, database: str) -> None:
    found = (await examined(database))["Backup"]
    assert (found.well, "none was ever recorded" in found.detail) == (None, True)
    for hours, well in ((30, False), (2, True)):
        async with store.work() as session:
            made_at = func.clock_timestamp() - timedelta(hours=hours)
            await session.execute(insert(BackupRow).values(name="one", bytes=1, finished_at=made_at))
        found = (await examined(database))["Backup"]
        assert (found.well, f"{hours} hours old" in found.detail) == (well, True)


async def test_the_doctor_of_a_database_that_was_never_migrated(postgres: PostgresServer) -> None:
    found = await examined(await postgres.empty_database())
    assert "stopwatch migrate" in found["Reconciler"].detail
    assert "stopwatch migrate" in found["Backup"].detail


def test_the_bounds_are_the_same_wherever_they_are_written() -> None:
    assert STILL_AFTER.total_seconds() == doctor.STILL_AFTER
    rules = {rule["alert"]: rule["expr"] for rule in RULES}
    assert rules["ReconcilerStill"] == f"max(stopwatch_reconciler_age_seconds) > {doctor.STILL_AFTER}"
    hours = doctor.BACKUP_OLD_AFTER // 3600
    assert rules["BackupOld"] == f"max(stopwatch_backup_age_seconds) > {hours} * 3600"
    assert (
        policies.RECONCILE_TIMEOUT
        + policies.RECONCILE_HEARTBEAT
        + timedelta(seconds=2 * policies.RECONCILE_EVERY)
        < STILL_AFTER
    )
