"""Each promise about a role of the database, tried as that role on a real Postgres.

`MAY` (role_promises.py) is what each role may do with each table, and `MAY_CALL` with each function: a new
one without a line fails. `PROMISES` are tried: the words are those of SECURITY.md or docs/security.md, and
have to be there.
"""

# ruff: noqa: S608 - statements of a test, with ids of its own

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from adapters.postgres.engine import Store
from domain.strategy import Outcome, Position
from migrations.roles import Role, make_roles
from tests.attacks.role_promises import MAY, NOT_RUNNING, PROMISES, ROLES, Promise
from tests.postgres import PostgresServer
from tests.store_rows import Desk, broker_account

ROOT = Path(__file__).parent.parent.parent
PAGES = " ".join(" ".join((ROOT / name).read_text().split()) for name in ("SECURITY.md", "docs/security.md"))
LETTERS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}
NOBODY = ("TRUNCATE", "REFERENCES", "TRIGGER")
MAY_CALL = {
    "acting_user": set(ROLES),
    "sent_lately": {"worker"},
    "erase_audit": {"api"},
    "erase_address": {"api"},
    "account_moved": {"listener"},
    "orders_moved": {"listener"},
    "listener_beat": {"listener"},
    "listener_leaves": {"listener"},
    "stops_watched": {"listener"},
    "peaks_seen": {"listener"},
    "prices_seen": {"listener"},
    "rounds_claimed": {"worker"},
    "next_start": {"worker"},
    "longest_unwatched": {"api", "worker"},
}


@dataclass(frozen=True, slots=True)
class House:
    """Two users, Asha and Ravi: each has a running strategy with shares and one that has stopped."""

    connections: dict[str, asyncpg.Connection]
    names: dict[str, str]
    asha: UUID
    ravi: UUID
    running: UUID
    stopped: UUID


@pytest.fixture(scope="module")
async def house(postgres: PostgresServer) -> AsyncIterator[House]:
    url = await postgres.new_database()
    names = {role: f"{role}_{uuid4().hex[:8]}" for role in ROLES}
    urls = {
        role: make_url(url).set(username=name, password="a role's").render_as_string(hide_password=False)
        for role, name in names.items()
    }
    await make_roles(url, [Role.of(role, address) for role, address in urls.items()])
    owner = Store.open(url)
    asha, ravi = uuid4(), uuid4()
    running, stopped = await _lived(owner, asha)
    await _lived(owner, ravi)
    await owner.close()
    connections = {role: await asyncpg.connect(address) for role, address in urls.items()}
    connections["owner"] = await asyncpg.connect(url)
    yield House(connections, names, asha, ravi, running, stopped)
    for connection in connections.values():
        await connection.close()
    await postgres.drop(url)


async def _lived(owner: Store, user_id: UUID) -> tuple[UUID, UUID]:
    running, stopped = await Desk.made(owner, "TCS", user_id), await Desk.made(owner, "INFY", user_id)
    async with owner.work() as session:
        session.add(broker_account(running))
    for desk in (running, stopped):
        start = desk.start()
        await desk.runs.activate(start)
        await desk.bought()
    await stopped.runs.finish(stopped.end(start, Outcome.KEPT, Position.BOUGHT))
    return running.strategy.strategy_id, stopped.strategy.strategy_id


async def test_each_role_may_do_with_each_table_what_its_process_needs(house: House) -> None:
    owner = house.connections["owner"]
    tables = await owner.fetch(
        "SELECT relname FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')"
    )
    assert {row["relname"] for row in tables} == MAY.keys()
    found = {
        table: tuple([await _letters(owner, house.names[role], table) for role in ROLES]) for table in MAY
    }
    assert found == MAY


async def _letters(owner: asyncpg.Connection, role: str, table: str) -> str:
    for right in NOBODY:
        assert not await owner.fetchval("SELECT has_table_privilege($1, $2, $3)", role, table, right)
    held = [
        letter
        for letter, right in LETTERS.items()
        if await owner.fetchval(
            f"SELECT {'has_table_privilege' if letter == 'D' else 'has_any_column_privilege'}($1, $2, $3)",
            role,
            table,
            right,
        )
    ]
    return "".join(held)


async def test_each_role_may_call_the_functions_its_process_needs(house: House) -> None:
    owner = house.connections["owner"]
    rows = await owner.fetch(
        "SELECT oid, proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "AND prorettype <> 'trigger'::regtype"
    )
    found = {
        row["proname"]: {
            role
            for role in ROLES
            if await owner.fetchval(
                "SELECT has_function_privilege($1, $2::oid, 'EXECUTE')", house.names[role], row["oid"]
            )
        }
        for row in rows
    }
    assert found == MAY_CALL


async def test_functions_with_the_owners_rights_look_in_no_path_of_the_callers(house: House) -> None:
    rows = await house.connections["owner"].fetch(
        "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )
    assert len(rows) >= 5
    for row in rows:
        assert any(str(line).startswith("search_path=") for line in row["proconfig"] or ()), row["proname"]


def test_each_promise_stands_on_a_page() -> None:
    assert not {promise.words for promise in PROMISES if promise.words not in PAGES}
    assert NOT_RUNNING in PAGES


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: f"{promise.role}: {promise.tried[:60]}")
async def test_a_role_is_refused(house: House, promise: Promise) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await tried(house, promise.role, promise.tried)


async def tried(house: House, role: str, statement: str) -> str:
    """Do it as a role, for Asha, and undo it; return Postgres' word."""
    words = {"asha": house.asha, "ravi": house.ravi, "running": house.running, "stopped": house.stopped}
    connection = house.connections[role]
    undone = connection.transaction()
    await undone.start()
    try:
        await connection.execute("SELECT set_config('app.user_id', $1, true)", str(house.asha))
        return str(await connection.execute(statement.format(**words, owner="owner")))
    finally:
        await undone.rollback()


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("DELETE FROM strategies WHERE strategy_id = '{running}'", "DELETE 0"),
        ("DELETE FROM strategies WHERE strategy_id = '{stopped}'", "DELETE 1"),
        ("UPDATE strategies SET stop_loss = 1 WHERE strategy_id = '{stopped}'", "UPDATE 1"),
        ("UPDATE strategies SET stop_loss = 1 WHERE user_id = '{ravi}'", "UPDATE 0"),
        ("SELECT 1 FROM strategies WHERE strategy_id = '{running}' FOR UPDATE", "SELECT 1"),
        ("DELETE FROM users", "DELETE 0"),
        ("DELETE FROM strategies WHERE user_id = '{ravi}'", "DELETE 0"),
        ("UPDATE users SET password_hash = 'x' WHERE user_id = '{ravi}'", "UPDATE 0"),
        ("UPDATE broker_keys SET login_dead = true WHERE user_id = '{ravi}'", "UPDATE 0"),
        ("SELECT 1 FROM broker_keys WHERE user_id = '{ravi}'", "SELECT 0"),
        ("SELECT 1 FROM orders WHERE user_id = '{ravi}'", "SELECT 0"),
        ("SELECT 1 FROM orders WHERE user_id = '{asha}' LIMIT 1", "SELECT 1"),
    ],
)
async def test_the_api_touches_its_users_rows_by_their_state(house: House, statement: str, word: str) -> None:
    """A strategy that runs or holds stays, and so does a user who has one: also past the foreign keys."""
    assert await tried(house, "api", statement) == word


async def test_a_user_with_nothing_that_runs_or_is_held_may_be_deleted(house: House) -> None:
    owner = house.connections["owner"]
    nobody = uuid4()
    await owner.execute(
        "INSERT INTO users (user_id, email, password_hash) VALUES ($1, $2, '-')",
        nobody,
        f"{nobody}@example.com",
    )
    connection = house.connections["api"]
    async with connection.transaction():
        await connection.execute("SELECT set_config('app.user_id', $1, true)", str(nobody))
        assert await connection.execute("DELETE FROM users") == "DELETE 1"


async def test_the_listener_sees_what_runs_and_nothing_else(house: House) -> None:
    listener = house.connections["listener"]
    rows = await listener.fetch("SELECT strategy_id, user_id FROM watched")
    assert {row["user_id"] for row in rows} == {house.asha, house.ravi}
    assert house.stopped not in {row["strategy_id"] for row in rows}
    assert {row["user_id"] for row in await listener.fetch("SELECT user_id FROM feed_logins")} == {
        house.asha,
        house.ravi,
    }


async def test_without_a_user_the_api_sees_nothing(house: House) -> None:
    connection = house.connections["api"]
    for table in (
        "users",
        "broker_keys",
        "strategies",
        "starts",
        "orders",
        "events",
        "limits",
        "notices",
        "audit",
    ):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0, table
