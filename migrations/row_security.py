"""Row-level security: Postgres itself shows a role only the rows of its purpose.

Every table that belongs to users has row-level security, forced. Without a policy a role sees nothing of it:

- the API's sees the rows of the user it names for one transaction (`app.user_id`); and, before the user is
  known, the one account of an e-mail it names (`app.email`), the one login of a refresh token and the one
  link of a mailed token it names (`app.token`). A query without a user sees nothing, not everything. It
  deletes neither a strategy that runs or holds shares nor a user who has one, and changes no such strategy;
- the worker's sees all: a run, a scheduled order and the reconciler act for all users;
- the listener's has views of its own and no policy; the schema's owner, whose views they are, sees all.

Policies that name a role are made with the role (`migrations.roles`), since its name is the deployment's.
"""

TABLES = (
    "users",
    "logins",
    "sessions",
    "second_factors",
    "recovery_codes",
    "broker_keys",
    "strategies",
    "starts",
    "stops_asked",
    "orders",
    "events",
    "limits",
    "operator_switches",
    "notice_channels",
    "notices",
    "account_reads",
    "breaches",
    "price_gaps",
    "peaks",
    "strategy_days",
    "series",
    "mail_tokens",
    "stop_probes",
    "audit",
)
"""Those with a `user_id`; a test fails when one is missing here."""

_ME = "user_id = (SELECT acting_user())"
_EMAIL = "email = (SELECT nullif(current_setting('app.email', true), ''))"
_TOKEN = "token_hash = (SELECT decode(nullif(current_setting('app.token', true), ''), 'hex'))"  # noqa: S105
_OF_EMAIL = f"user_id = (SELECT user_id FROM users WHERE {_EMAIL})"  # noqa: S608 # nosec B608
_OF_TOKEN = f"login_id = (SELECT family_id FROM sessions WHERE {_TOKEN})"  # noqa: S608 # nosec B608
_OWN_ROWS = {table: {"own": f"FOR ALL USING ({_ME}) WITH CHECK ({_ME})"} for table in TABLES}
# Nobody writes in another's name; without a user (an unknown e-mail) the line is the system's.
_OWN_LINES = {
    "own": f"FOR SELECT USING ({_ME})",
    "in_own_name": "FOR INSERT WITH CHECK (user_id IS NOT DISTINCT FROM (SELECT acting_user()))",
}
_HOLDS = "status = 'running' OR (position = 'bought' AND NOT kept)"
# One that repeats may be edited while it waits for its next day; the run is the only writer of the state.
_WAITS = "status = 'running' AND phase = 'waiting' AND position <> 'bought' AND terms ? 'repeat'"
_OF_USER = "strategies.user_id = users.user_id"
_HAS_SUCH = f"EXISTS (SELECT FROM strategies WHERE {_OF_USER} AND ({_HOLDS}))"  # nosec B608
_BY_STATE = {
    "strategies": {
        "remove": f"FOR DELETE USING ({_ME} AND NOT ({_HOLDS}))",
        # A row may be locked in any state: what is checked is how it is written, with a state of the run's.
        "change": f"FOR UPDATE USING ({_ME}) WITH CHECK ({_ME} AND (NOT ({_HOLDS}) OR {_WAITS}))",
    },
    "users": {"remove": f"FOR DELETE USING ({_ME} AND NOT {_HAS_SUCH})"},
}
"""In which state what may be deleted or changed; a user's rows go with the user, past every policy."""
_ALL_BUT_DELETE = {
    "see": f"FOR SELECT USING ({_ME})",
    "add": f"FOR INSERT WITH CHECK ({_ME})",
    "change": f"FOR UPDATE USING ({_ME}) WITH CHECK ({_ME})",
}
# To lock a row is to be allowed to change it; what it is changed to must be the user's own.
_DOORS = {
    "users": {"by_email": f"FOR SELECT USING ({_EMAIL})"},
    "sessions": {"by_token": f"FOR SELECT USING ({_TOKEN})"},
    "mail_tokens": {"by_token": f"FOR SELECT USING ({_TOKEN})"},
    "second_factors": {"by_email": f"FOR SELECT USING ({_OF_EMAIL})"},
    "logins": {
        "by_email": f"FOR SELECT USING ({_OF_EMAIL})",
        "by_token": f"FOR SELECT USING ({_OF_TOKEN})",
        "lock_by_token": f"FOR UPDATE USING ({_OF_TOKEN}) WITH CHECK ({_ME})",
    },
}
_NOT_THE_WORKERS = ("logins", "sessions", "second_factors", "recovery_codes")

POLICIES: dict[str, dict[str, dict[str, str]]] = {
    "api": {table: _OWN_ROWS[table] | _DOORS.get(table, {}) for table in TABLES}
    | {table: _ALL_BUT_DELETE | removed | _DOORS.get(table, {}) for table, removed in _BY_STATE.items()}
    | {"audit": _OWN_LINES},
    "worker": {
        table: {"all": "FOR ALL USING (true) WITH CHECK (true)"}
        for table in TABLES
        if table not in _NOT_THE_WORKERS
    }
    | {"audit": {"add": "FOR INSERT WITH CHECK (true)"}},
    "listener": {},
}
"""By the purpose of a role, the table and the policy's name."""
