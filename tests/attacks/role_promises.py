"""What each role of the database may do with each table, and what it is refused in the words of the pages."""

# ruff: noqa: S608 - statements of a test, with ids of its own

from dataclasses import dataclass

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
    "stop_probes": ("S", "", ""),
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
            "SELECT orders_moved('{asha}')",
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
