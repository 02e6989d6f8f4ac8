"""Each promise about a role of the database, tried as that role on a real Postgres.

`MAY` is what each role may do with each table, and `MAY_CALL` with each function: a new one without a line
fails. `PROMISES` are tried: the words are those of SECURITY.md or docs/security.md, and have to be there.
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
from tests.postgres import PostgresServer
from tests.store_rows import Desk, broker_account

ROOT = Path(__file__).parent.parent.parent
PAGES = " ".join(" ".join((ROOT / name).read_text().split()) for name in ("SECURITY.md", "docs/security.md"))
ROLES = ("api", "worker", "listener")

MAY = {
    "users": ("SIUD", "S", ""),
    "logins": ("SIUD", "", ""),
    "sessions": ("SIUD", "", ""),
    "ended_logins": ("SID", "", ""),
    "second_factors": ("SIUD", "", ""),
    "recovery_codes": ("SIUD", "", ""),
    "broker_keys": ("SIUD", "SU", ""),
    "strategies": ("SIUD", "SU", ""),
    "starts": ("SI", "S", ""),
    "series": ("SIU", "SU", ""),
    "stops_asked": ("SIU", "", ""),
    "orders": ("S", "SIU", ""),
    "events": ("S", "SI", ""),
    "limits": ("SIU", "S", ""),
    "operator_switches": ("S", "S", ""),
    "system_switch": ("S", "S", ""),
    "notice_channels": ("SIUD", "SU", ""),
    "notices": ("SI", "SIUD", ""),
    "notice_cursor": ("", "SU", ""),
    "account_mails": ("I", "SUD", ""),
    "mail_tokens": ("SD", "SID", ""),
    "mail_state": ("S", "SU", ""),
    "account_reads": ("", "SIUD", ""),
    "quote_turns": ("", "SIU", ""),
    "workers": ("S", "SIUD", ""),
    "reconciler_round": ("S", "SU", ""),
    "outages": ("", "SI", ""),
    "backups": ("", "S", ""),
    "wal_archive": ("", "S", ""),
    "restore_drills": ("", "S", ""),
    "calendar_days": ("S", "S", ""),
    "calendar_hours": ("S", "S", ""),
    "calendar_imports": ("", "", ""),
    "audit": ("SI", "I", ""),
    "audit_heads": ("", "", ""),
    "used_strategy_ids": ("", "", ""),
    "alembic_version": ("", "", ""),
    "listeners": ("", "", ""),
    "stop_watches": ("", "", ""),
    "peaks": ("S", "S", ""),
    "strategy_days": ("S", "SIU", ""),
    "isins": ("S", "SIU", ""),
    "breaches": ("S", "SIU", ""),
    "price_gaps": ("", "SID", ""),
    "held_prices": ("", "S", ""),
    "limits_watch": ("", "SU", ""),
    "prices_wanted": ("", "", "S"),
    "watched": ("", "", "S"),
    "watched_peaks": ("", "", "S"),
    "feed_logins": ("", "", "S"),
    "stops_due": ("", "S", ""),
    "stops_held": ("", "S", ""),
}
"""What the API, the worker and the listener may do with a table or view; for S, I, U with a column of it."""
LETTERS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}
NOBODY = ("TRUNCATE", "REFERENCES", "TRIGGER")
MAY_CALL = {
    "acting_user": set(ROLES),
    "sent_lately": {"worker"},
    "erase_audit": {"api"},
    "erase_address": {"api"},
    "account_moved": {"listener"},
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


@dataclass(frozen=True, slots=True)
class Promise:
    """`words` are the page's; `tried` is done as `role`, for Asha where it names her."""

    role: str
    words: str
    tried: str


API_TAKEN_OVER = (
    "it cannot open stored secrets, change a run's rows, or change an order, a timeline or an audit line"
)
NOT_RUNNING = "delete strategies that do not run"
AUDIT = "no role may change, remove or backdate one, or write in another's name"
LISTENER = "it reads running strategies, and can write to no table"
WORKER = "the worker's role reads no password, login or second factor"
BREACH = "no role can lift, change or backdate one"
TERMS = "changes no term of a strategy, no key or tag of an order and no key of a broker account"
PROMISES = (
    *(
        Promise("api", API_TAKEN_OVER, tried)
        for tried in (
            "UPDATE strategies SET status = 'stopped'",
            "UPDATE strategies SET position = 'none'",
            "UPDATE strategies SET stop_loss = 1",
            "UPDATE strategies SET quantity = 1000",
            "UPDATE strategies SET user_id = '{ravi}'",
            "UPDATE strategies SET sell_at = now()",
            "UPDATE strategies SET kept = true WHERE strategy_id = '{stopped}'",
            *(
                f"UPDATE strategies SET {column} = {column} WHERE strategy_id = '{{running}}'"
                for column in (
                    "symbol",
                    "sell_time",
                    "stop_loss",
                    "quantity",
                    "terms",
                    "warnings",
                    "updated_at",
                )
            ),
            "INSERT INTO strategies (strategy_id, user_id, symbol, exchange, product, buy_time, sell_time, "
            "stop_loss, quantity, on_stop, status, position) VALUES (gen_random_uuid(), '{asha}', 'TCS', "
            "'NSE', 'CNC', '09:30', '15:00', 1, 1, 'exit', 'running', 'bought')",
            "UPDATE orders SET status = 'complete'",
            "UPDATE orders SET tag = 'x'",
            "INSERT INTO orders DEFAULT VALUES",
            "DELETE FROM orders",
            "UPDATE events SET text = ''",
            "DELETE FROM events",
            "INSERT INTO events (user_id, strategy_id, kind, text, once) "
            "VALUES ('{asha}', '{running}', 'x', 'x', 'x')",
            "UPDATE starts SET account = ''",
            "UPDATE starts SET terms = '{{}}'",
            "DELETE FROM starts",
            "INSERT INTO starts (start_id, written_at) VALUES (gen_random_uuid(), now())",
            "UPDATE audit SET actor = 'x'",
            "DELETE FROM audit",
            "TRUNCATE audit",
            "UPDATE operator_switches SET reason = ''",
            "DELETE FROM operator_switches",
            "UPDATE system_switch SET halted = false",
            "SELECT * FROM used_strategy_ids",
            "DELETE FROM used_strategy_ids",
            "SELECT setval('login_versions', 1)",
            "SELECT * FROM account_reads",
            "SELECT * FROM stops_held",
            "SELECT account_moved('{asha}')",
            "SELECT stops_watched(ARRAY['{running}'::uuid])",
            "SELECT * FROM listener_beat('0', 'ready', 60)",
            "UPDATE users SET email = 'thief@example.com'",
            "UPDATE users SET user_id = '{ravi}'",
            "UPDATE notices SET kind = 'x'",
            "UPDATE workers SET alive_at = now()",
        )
    ),
    *(
        Promise(role, AUDIT, tried)
        for role in ("api", "worker")
        for tried in (
            "INSERT INTO audit (user_id, role, actor, action, at) VALUES ('{asha}', 'user', 'a', 'b', now())",
            "INSERT INTO audit (user_id, role, actor, action, hash) VALUES ('{asha}', 'user', 'a', 'b', 'x')",
            "UPDATE audit SET at = now()",
            "DELETE FROM audit",
            "DELETE FROM audit_heads",
            "UPDATE audit_heads SET seq = 0",
        )
    ),
    Promise(
        "api",
        AUDIT,
        "INSERT INTO audit (user_id, role, actor, action, object, reason, ip, agent, version) "
        "VALUES ('{ravi}', 'user', 'a', 'b', '', '', '', '', '')",
    ),
    *(
        Promise("listener", LISTENER, tried)
        for tried in (
            *(f"SELECT * FROM {table}" for table in sorted(MAY) if "S" not in MAY[table][2]),
            "UPDATE watched SET phase = 'done'",
            "DELETE FROM watched",
            "UPDATE feed_logins SET api_key = 'x'",
            "INSERT INTO listeners VALUES ('0', 'ready', 'infinity')",
            "DELETE FROM listeners",
            "UPDATE stop_watches SET watched_at = 'infinity'",
            "SELECT sent_lately('{asha}')",
        )
    ),
    *(
        Promise("worker", WORKER, tried)
        for tried in (
            "SELECT password_hash FROM users",
            "SELECT * FROM users",
            "UPDATE users SET password_hash = 'x'",
            "SELECT * FROM logins",
            "SELECT * FROM sessions",
            "SELECT * FROM second_factors",
            "SELECT * FROM recovery_codes",
            "SELECT * FROM ended_logins",
            "INSERT INTO ended_logins (login_id) VALUES (gen_random_uuid())",
        )
    ),
    *(
        Promise("worker", TERMS, tried)
        for tried in (
            *(
                f"UPDATE strategies SET {column} = {column}"
                for column in ("stop_loss", "quantity", "symbol", "user_id")
            ),
            *(
                f"UPDATE strategies SET {column} = {column}"
                for column in ("buy_time", "sell_time", "on_stop", "product")
            ),
            *(
                f"UPDATE orders SET {column} = {column}"
                for column in ("tag", "account", "leg", "attempt", "side")
            ),
            *(
                f"UPDATE broker_keys SET {column} = {column}"
                for column in ("api_key", "api_secret", "broker_user_id")
            ),
            "DELETE FROM orders",
            "DELETE FROM strategies",
            "DELETE FROM events",
            "UPDATE events SET text = ''",
            "INSERT INTO strategies DEFAULT VALUES",
            "INSERT INTO starts DEFAULT VALUES",
            "UPDATE starts SET account = ''",
            "DELETE FROM starts",
            "DELETE FROM broker_keys",
            "UPDATE limits SET kill_switch = false",
            "DELETE FROM operator_switches",
            "UPDATE system_switch SET halted = false",
            "INSERT INTO stops_asked DEFAULT VALUES",
            "INSERT INTO backups (name, bytes) VALUES ('x', 1)",
            "DELETE FROM outages",
            "INSERT INTO stop_watches VALUES ('{running}', now())",
        )
    ),
    *(
        Promise(role, BREACH, tried)
        for role in ROLES
        for tried in (
            "DELETE FROM breaches",
            "UPDATE breaches SET value = value * 100",
            "UPDATE breaches SET on_breach = 'block'",
            "UPDATE breaches SET trading_day = trading_day - 1",
            "INSERT INTO breaches (user_id, trading_day, limit_name, value, on_breach, at) "
            "VALUES ('{asha}', current_date, 'daily_loss', 1, 'exit', now() - interval '1 day')",
        )
    ),
    Promise(
        "api",
        BREACH,
        "INSERT INTO breaches (user_id, trading_day, limit_name, value, on_breach) "
        "VALUES ('{asha}', current_date, 'daily_loss', 1, 'exit')",
    ),
    *(
        Promise(role, "The prices for the day's result come only from listeners", tried)
        for role in ("api", "worker")
        for tried in (
            "INSERT INTO held_prices VALUES ('{running}', 1, now())",
            "SELECT prices_seen(ARRAY['{running}'::uuid], ARRAY[1], ARRAY[0])",
        )
    ),
    *(
        Promise(role, "no process's role may create a table, a temporary table or a role", tried)
        for role in ROLES
        for tried in (
            "CREATE TABLE mine ()",
            "CREATE TEMPORARY TABLE mine ()",
            "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE SCHEMA mine",
            "CREATE ROLE mine",
            "ALTER TABLE strategies DISABLE ROW LEVEL SECURITY",
            "DROP POLICY owner ON strategies",
            "ALTER TABLE orders DISABLE TRIGGER ALL",
            "SET ROLE owner",
            "SET session_replication_role = replica",
            "SELECT * FROM pg_authid",
            "SELECT pg_read_file('/etc/passwd')",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{owner}'",
        )
    ),
)
"""Each is refused with what Postgres calls insufficient privilege."""


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
