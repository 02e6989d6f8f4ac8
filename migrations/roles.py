"""The database roles of the API, the worker and the listener, each with only the rights its process needs."""

import base64
import hashlib
import hmac
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from adapters.postgres.engine import asyncpg_url
from migrations import row_security
from migrations.migration_errors import RoleRefused
from migrations.schema import TURNS

# Nobody but the run changes a strategy's life cycle, so the API's role may update none of it;
# the timeline is append-only, so no role may update events. Of the audit log the roles may write what
# happened, and neither when nor the hashes: those are a trigger's.
_AUDIT = "INSERT (user_id, role, actor, action, object, reason, ip, agent, version) ON audit"
GRANTS: dict[str, tuple[str, ...]] = {
    "api": (
        "SELECT, INSERT (user_id, email, password_hash) ON users",
        # An account is deleted by taking from it what is personal: its row stays.
        "UPDATE (password_hash, verified_at, deleted_at), DELETE ON users",
        "SELECT, INSERT, UPDATE, DELETE ON logins, sessions, broker_keys",
        "SELECT, INSERT, UPDATE, DELETE ON second_factors, recovery_codes",
        "SELECT, INSERT, DELETE ON ended_logins",
        # The terms of one that neither runs nor holds (`row_security`), and nothing of a run. Who may update
        # a column may lock the row as well: under that lock it is decided whether it may be deleted.
        "SELECT, DELETE, UPDATE (symbol, exchange, product, buy_time, sell_time, stop_loss, quantity, "
        "on_stop, terms, warnings, updated_at) ON strategies",
        # Its terms, and nothing of a run: what is created neither runs nor holds.
        "INSERT (strategy_id, user_id, symbol, exchange, product, buy_time, sell_time, stop_loss, quantity, "
        "on_stop, terms, warnings) ON strategies",
        # A START is written down, at the time of the server, and stays as it is.
        "SELECT, INSERT (start_id, user_id, strategy_id, account, terms, plan, sell_only, release, "
        "series_id) ON starts",
        # A series is opened by a START, and ended by STOP and the kill switch; its days are the worker's. An
        # edit of its prices forgets the close that they were compared with.
        "SELECT, INSERT (series_id, strategy_id, user_id), "
        "UPDATE (left_out, ended_at, ended_by, asked_on, close_day) ON series",
        # What was asked, of which START; when, is the server's.
        "SELECT, INSERT (strategy_id, user_id, start_id, on_stop), UPDATE (start_id, on_stop, asked_at) "
        "ON stops_asked",
        "SELECT ON workers, peaks",
        "USAGE ON SEQUENCE login_versions",
        # Whether a client has lines that a restored database does not have.
        "SELECT ON SEQUENCE events_event_id_seq",
        "SELECT ON orders, events, system_switch, operator_switches, reconciler_round, calendar_days, "
        "calendar_hours",
        "SELECT, INSERT, UPDATE ON limits",
        # It shows a breach and lifts none; it shows the books and writes none.
        "SELECT ON breaches, strategy_days, isins",
        # Whether stops may rest at the exchange with real orders; the operator's command writes it.
        "SELECT ON stop_probes",
        "SELECT, INSERT, UPDATE (tells), DELETE ON notice_channels",
        "SELECT, INSERT ON notices",
        # It asks for mails and reads none: what it asks for names no user.
        "INSERT (email, purpose) ON account_mails",
        "SELECT ON mail_state",
        # It finds a link by its token's hash, and uses it up; it makes none.
        "SELECT, DELETE ON mail_tokens",
        "SELECT ON audit",
        _AUDIT,
        # Of the acting user's own lines and address, once that account is deleted.
        "EXECUTE ON FUNCTION erase_audit()",
        "EXECUTE ON FUNCTION erase_address()",
        # An age, for its readiness.
        "EXECUTE ON FUNCTION longest_unwatched()",
    ),
    "worker": (
        "SELECT (user_id, email, verified_at, deleted_at) ON users",
        "SELECT ON broker_keys",
        "USAGE ON SEQUENCE login_versions",
        "SELECT ON strategies",
        "SELECT ON starts, stops_due",
        # It ends a series, and opens none. The next day of an open one is written by the owner's function,
        # which takes account and user from the series, and no terms but the strategy's own.
        "SELECT, UPDATE (last_day, ended_at, ended_by, close_day, close_price, close_asked_at, compared_on, "
        "asked_on) ON series",
        "EXECUTE ON FUNCTION next_start(uuid, uuid, jsonb, jsonb)",
        "SELECT, INSERT ON orders",
        "SELECT, INSERT ON events",
        "SELECT, INSERT, UPDATE, DELETE ON workers",
        "SELECT, INSERT, UPDATE ON quote_turns",
        "SELECT, INSERT, UPDATE, DELETE ON account_reads",
        "EXECUTE ON FUNCTION sent_lately(uuid)",
        "EXECUTE ON FUNCTION rounds_claimed(uuid, date)",
        "SELECT, INSERT ON strategy_days",
        # What holdings show, day after day; which share it is of stays.
        "SELECT, INSERT, UPDATE (first_seen, last_seen) ON isins",
        # What a breach says is written once; who was told of it is noted beside it.
        "SELECT, UPDATE (told_at), INSERT (user_id, trading_day, limit_name, value, net, on_breach) "
        "ON breaches",
        "SELECT, INSERT (user_id), DELETE ON price_gaps",
        "SELECT ON held_prices",
        "SELECT, UPDATE (worker, until) ON limits_watch",
        "SELECT ON limits, operator_switches, system_switch, calendar_days, calendar_hours",
        # Whoever inserts a notice locks its channel meanwhile.
        "SELECT, UPDATE (gone_at) ON notice_channels",
        "SELECT, INSERT, UPDATE, DELETE ON notices",
        "SELECT, UPDATE ON notice_cursor",
        "SELECT, UPDATE (status, attempts, sent_as, claimed_at, due_at), DELETE ON account_mails",
        "SELECT, UPDATE (sends) ON mail_state",
        "SELECT (expires_at), INSERT, DELETE ON mail_tokens",
        "SELECT, UPDATE (ended_at) ON reconciler_round",
        "SELECT, INSERT ON outages",
        _AUDIT,
        "SELECT ON backups, wal_archive, restore_drills, stops_held, peaks",
        "EXECUTE ON FUNCTION longest_unwatched()",
    ),
    "listener": (
        "SELECT ON watched, watched_peaks, feed_logins",
        # It writes no row itself. It can have the accounts of a user read soon, hold a lease among the
        # listeners, and say which held stops it watches.
        "EXECUTE ON FUNCTION account_moved(uuid)",
        "EXECUTE ON FUNCTION orders_moved(uuid)",
        "EXECUTE ON FUNCTION listener_beat(text, text, double precision)",
        "EXECUTE ON FUNCTION listener_leaves(text)",
        "EXECUTE ON FUNCTION stops_watched(uuid[])",
        "EXECUTE ON FUNCTION peaks_seen(uuid[], numeric[])",
        # Which held shares it is asked to price, by their strategies, and what they cost.
        "SELECT ON prices_wanted",
        "EXECUTE ON FUNCTION prices_seen(uuid[], numeric[], double precision[])",
    ),
}
FROZEN: dict[str, dict[str, tuple[str, ...]]] = {
    "worker": {
        # The user's terms, which the listener watches by, and whose it is.
        "strategies": (
            *("strategy_id", "user_id", "symbol", "exchange", "product", "buy_time", "sell_time"),
            *("stop_loss", "quantity", "on_stop", "terms", "created_at"),
        ),
        # What an intent is: its key, its tag, its account. What becomes of it is the worker's to write.
        "orders": (
            *("order_id", "user_id", "strategy_id", "trading_day", "round", "leg", "attempt", "tag"),
            *("exchange", "symbol", "product", "account", "most", "side", "created_at"),
            *("protected", "slice"),
        ),
        # Whose round it is, and its place in the books.
        "strategy_days": ("strategy_id", "trading_day", "round", "row_id", "user_id", "ended_at"),
        # A new login is a token; the keys are the user's, by the API.
        "broker_keys": ("user_id", "broker", "broker_user_id", "api_key", "api_secret", "login_key"),
    }
}
"""Tables of which a role may change every column but these."""
_COLUMNS_BUT = text(
    "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = to_regclass(:table) "
    "AND attnum > 0 AND NOT attisdropped AND attname <> ALL (CAST(:frozen AS text[]))"
)
_POLICIES_OF = text(
    "SELECT policyname FROM pg_policies "
    "WHERE schemaname = current_schema() AND tablename = :table AND policyname LIKE :own"
)
_TOO_POWERFUL = text(
    "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
    "OR rolname = current_user FROM pg_roles WHERE rolname = :name"
)
_ITERATIONS = 4096


@dataclass(frozen=True, slots=True)
class Role:
    """A role as the address of its process names it. `purpose` is a key of `GRANTS`."""

    purpose: str
    name: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, purpose: str, url: str) -> Self:
        """Read name and password from an address. Raises `RoleRefused` where one is missing."""
        parsed = make_url(url)
        if not parsed.username or not parsed.password:
            raise RoleRefused(
                f"STOPWATCH_DATABASE_URL_{purpose.upper()} names no user or no password, so its role cannot "
                "be made: write postgresql://user:password@host:port/name."
            )
        return cls(purpose, parsed.username, parsed.password)


async def make_roles(owner_url: str, roles: Sequence[Role]) -> None:
    """Create or update the roles and give each exactly its grants. Raises `RoleRefused`."""
    names = [role.name for role in roles]
    if len(set(names)) < len(names):
        raise RoleRefused(
            "Two of STOPWATCH_DATABASE_URL_API, _WORKER and _LISTENER name the same user, which would add "
            "their rights up: give each its own."
        )
    engine = create_async_engine(asyncpg_url(owner_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": TURNS})
            database = str(await connection.scalar(text("SELECT current_database()")))
            await _run(connection, "REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC", database)
            for role in roles:
                await _make(connection, role)
    finally:
        await engine.dispose()


async def _make(connection: AsyncConnection, role: Role) -> None:
    exists = await _check(connection, role)
    verb, powers = (
        ("ALTER", "")
        if exists
        else (
            "CREATE",
            "NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION",
        )
    )
    await _run(connection, f"{verb} ROLE %I LOGIN {powers} PASSWORD %L", role.name, scram(role.password))
    await _run(connection, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I", role.name)
    await _run(connection, "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM %I", role.name)
    await _run(connection, "GRANT USAGE ON SCHEMA public TO %I", role.name)
    for grant in GRANTS[role.purpose]:
        await _run(connection, f"GRANT {grant} TO %I", role.name)
    for table, frozen in FROZEN.get(role.purpose, {}).items():
        columns = await connection.scalar(_COLUMNS_BUT, {"table": table, "frozen": list(frozen)})
        await _run(connection, f"GRANT UPDATE ({columns}) ON %I TO %I", table, role.name)
    await _make_policies(connection, role)


async def _make_policies(connection: AsyncConnection, role: Role) -> None:
    """Let the role see exactly the rows of its purpose: see `migrations.row_security`."""
    for table in row_security.TABLES:
        for name in (
            await connection.scalars(_POLICIES_OF, {"table": table, "own": f"{role.purpose}\\_%"})
        ).all():
            await _run(connection, "DROP POLICY %I ON %I", name, table)
        for name, policy in row_security.POLICIES[role.purpose].get(table, {}).items():
            for_, command, condition = policy.split(" ", 2)
            await _run(
                connection,
                f"CREATE POLICY %I ON %I {for_} {command} TO %I {condition}",
                f"{role.purpose}_{name}",
                table,
                role.name,
            )


async def _check(connection: AsyncConnection, role: Role) -> bool:
    """Tell whether the role exists. An existing role with more rights than ours is refused."""
    powerful = await connection.scalar(_TOO_POWERFUL, {"name": role.name})
    if powerful:
        raise RoleRefused(
            f"The database user {role.name} owns the schema or has administrator's rights, so it cannot be "
            f"the {role.purpose}'s: name another user in STOPWATCH_DATABASE_URL_{role.purpose.upper()}."
        )
    return powerful is not None


async def _run(connection: AsyncConnection, template: str, *words: str) -> None:
    # Role statements take no parameters; Postgres itself quotes the names.
    names = {f"word_{number}": word for number, word in enumerate(words)}
    places = "".join(f", CAST(:{name} AS text)" for name in names)
    statement = await connection.scalar(
        text(f"SELECT format(:template{places})"), {"template": template, **names}
    )
    await connection.exec_driver_sql(str(statement))


def scram(password: str) -> str:
    """Return the password as Postgres stores it (RFC 5803), so that it never appears in a server's log."""
    salt = os.urandom(16)
    known = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", known, salt, _ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored, server = hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")
    words = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *words)
