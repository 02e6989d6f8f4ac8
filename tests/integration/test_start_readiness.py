"""Readiness is false where START would be 503: on a real Temporal that has lost what it knew."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from adapters.postgres.engine import Store
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.watchers import Watchers
from adapters.temporal.connection import TemporalAddress
from adapters.temporal.readiness import ATTRIBUTES, TemporalReadiness
from domain.errors import NoWorker, StandsStill, Unavailable
from local.doctor import Addresses, Finding, examine
from migrations.search_attributes import register
from services.auth.passwords import Passwords
from tests.api_world import new_world
from workflows.client import SYMBOL, USER
from workflows.run_writes import PHASE


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal whose database is new."""
    binary = str(Path(sys.executable).parent / "temporal")
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=binary) as env:
        yield env


def target(server: WorkflowEnvironment) -> str:
    return server.client.service_client.config.target_host


def readiness(client: Client, store: Store) -> TemporalReadiness:
    return TemporalReadiness(client, Watchers(store).live_builds)


async def examined(server: WorkflowEnvironment, database: str, namespace: str = "default") -> Finding:
    asked = Addresses(
        databases={"Postgres (owner)": database},
        redis=None,
        temporal=target(server),
        temporal_namespace=namespace,
        temporal_api_key=None,
        temporal_tls=None,
        temporal_ca=None,
        kite="",
        calendar=("", None),
    )
    found = {finding.what: finding for finding in await examine(asked)}
    return found["New runs"]


def test_these_are_the_attributes_that_runs_are_started_with() -> None:
    assert {USER.name, SYMBOL.name, PHASE.name} == set(ATTRIBUTES)


async def test_a_start_is_taken_once_all_of_it_is_there(
    server: WorkflowEnvironment, store: Store, database: str, passwords: Passwords
) -> None:
    check = readiness(server.client, store)
    with pytest.raises(StandsStill, match=r"StopwatchUser.*stopwatch migrate"):
        await check.check()
    assert "stopwatch migrate" in (await examined(server, database)).detail
    await register(TemporalAddress(target(server)))

    async with store.work() as session:
        await session.execute(text("DELETE FROM workers"))
    with pytest.raises(NoWorker, match="No worker is alive"):
        await check.check()
    world = new_world(store, passwords, checks={"temporal": check.check})
    answer = await world.http.get("/health/ready")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (503, "no_worker")

    await PostgresScheduledOrderLog(store, store, "two").beat("of version two")
    with pytest.raises(NoWorker, match=r"set-current-version .* --build-id two --yes"):
        await check.check()
    found = await examined(server, database)
    assert (found.well, "set-current-version" in found.detail) == (False, True)

    await PostgresScheduledOrderLog(store, store).beat("without a version")
    await check.check()
    assert (await world.http.get("/health/ready")).status_code == 200
    assert (await examined(server, database)).well


async def test_a_namespace_that_is_not_there_is_named(
    server: WorkflowEnvironment, store: Store, database: str
) -> None:
    config = server.client.config()
    config["namespace"] = "lost"
    with pytest.raises(StandsStill, match="namespace create lost"):
        await readiness(Client(**config), store).check_server()
    assert (await examined(server, database, "lost")).well is False


async def test_a_temporal_that_is_away_is_away(server: WorkflowEnvironment, store: Store) -> None:
    gone = await Client.connect("127.0.0.1:1", lazy=True)
    with pytest.raises(Unavailable):
        await readiness(gone, store).check()
