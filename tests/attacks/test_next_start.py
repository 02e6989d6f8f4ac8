"""What a taken-over worker may write as the next day of a series: nothing but what its user asked for."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from adapters.postgres.engine import Store
from domain.run import StartRun
from migrations.roles import Role, make_roles
from tests.integration.test_series import Seam
from tests.postgres import PostgresServer

Written = dict[str, Any]


class Worker:
    """A connection of the worker's role, and a series whose next day waits."""

    def __init__(self, connection: asyncpg.Connection, seam: Seam, following: StartRun, row: Written) -> None:
        self.connection = connection
        self.seam = seam
        self.series_id = following.series_id
        self.terms: Written = json.loads(row["terms"])
        self.plan: Written = json.loads(row["plan"])

    async def writes(self, series_id: UUID | None = None, **changes: Any) -> None:
        terms = self.terms | {name: value for name, value in changes.items() if name in self.terms}
        plan = self.plan | {name: value for name, value in changes.items() if name in self.plan}
        await self.connection.execute(
            "SELECT next_start($1, $2, $3::text::jsonb, $4::text::jsonb)",
            *(uuid4(), series_id or self.series_id, json.dumps(terms), json.dumps(plan)),
        )


@pytest.fixture
async def worker(postgres: PostgresServer) -> AsyncIterator[Worker]:
    url = await postgres.new_database()
    name = f"worker_{uuid4().hex[:8]}"
    address = make_url(url).set(username=name, password="a role's").render_as_string(hide_password=False)
    await make_roles(url, [Role.of("worker", address)])
    owner = Store.open(url)
    seam = await Seam.begun(owner)
    following = await seam.end()
    assert following is not None
    connection = await asyncpg.connect(address)
    row = await connection.fetchrow("SELECT * FROM starts WHERE start_id = $1", following.start_id)
    yield Worker(connection, seam, following, dict(row))
    await connection.close()
    await owner.close()
    await postgres.drop(url)


async def test_it_writes_the_day_that_its_user_asked_for(worker: Worker) -> None:
    await worker.writes()


@pytest.mark.parametrize(
    "other",
    [
        {"symbol": "INFY"},
        {"exchange": "BSE"},
        {"product": "MIS"},
        {"quantity": 11},
        {"stop_loss": "1"},
        {"user_id": str(uuid4())},
        {"strategy_id": str(uuid4())},
        {"terms": {"size": {"by": "amount", "rupees": "1000000"}}},
        {"buy_at": "2030-01-07T09:31:00+05:30"},
        {"buy_at": "2020-01-06T09:30:00+05:30"},
    ],
)
async def test_it_writes_no_other_shares_no_other_money_and_no_other_time(
    worker: Worker, other: Written
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await worker.writes(**other)


async def test_it_writes_no_day_of_a_series_that_has_ended_or_never_was(worker: Worker) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await worker.writes(uuid4())
    await worker.seam.stop()
    with pytest.raises(asyncpg.CheckViolationError):
        await worker.writes()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO series (series_id, strategy_id, user_id) SELECT gen_random_uuid(), strategy_id, user_id "
        "FROM strategies",
        "UPDATE series SET left_out = '{}'",
        "UPDATE series SET strategy_id = strategy_id",
        "DELETE FROM series",
        "DELETE FROM strategy_days",
        "UPDATE strategy_days SET user_id = user_id",
    ],
)
async def test_it_opens_no_series_and_takes_nothing_out_of_the_books(worker: Worker, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await worker.connection.execute(statement)
