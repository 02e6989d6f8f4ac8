"""Planted in what keeps each part behind its own key: users of Redis, roles, leases, notifications."""

from tests.planted.bug import Bug

USERS = "tests/attacks/test_redis_users.py"
ACCESS_LIST = "tests/attacks/test_redis_access_list.py"
ROLES = "tests/attacks/test_database_roles.py"
WATCHING = "tests/attacks/test_watching.py"

OWN_KEY_BUGS: tuple[Bug, ...] = (
    Bug(
        "the worker's user of Redis adds to the queue",
        "A worker that was taken over sells what no listener saw.",
        "local/redis_users.py",
        '"xgroup|create", "xdel", "xlen"),',
        '"xgroup|create", "xdel", "xlen", "xadd"),',
        (f"{USERS}::test_a_taken_over_process_is_refused",),
    ),
    Bug(
        "Redis lets in who names no user",
        "Whoever reaches the port flushes, and adds what sells.",
        "local/redis_users.py",
        'f"user default off {_ALL}"',
        'f"user default on nopass {_ALL}"',
        (f"{USERS}::test_without_a_user_of_a_process_nothing_is_read_or_written",),
    ),
    Bug(
        "Redis reads its file back without the transactions in it",
        "It is killed and started again: half of what it held is gone, and nothing says so.",
        "local/redis_users.py",
        'f"user default off {_ALL}"',
        '"user default off"',
        (f"{ACCESS_LIST}::test_what_was_written_in_one_go_is_there_after_a_kill",),
    ),
    Bug(
        "a lease lasts as long as was asked for",
        "One false member keeps its share unwatched for a year.",
        "migrations/versions/0022_watching.py",
        "least(greatest(lasts, 0), 60)",
        "least(greatest(lasts, 0), 1e9)",
        (f"{WATCHING}::test_a_lease_of_a_year_lasts_a_minute",),
    ),
    Bug(
        "a member whose lease has ended is believed",
        "A listener that died keeps its share, and nobody watches it.",
        "migrations/versions/0022_watching.py",
        "    DELETE FROM public.listeners WHERE until <= clock_timestamp();\n",
        "",
        (f"{WATCHING}::test_a_lease_that_has_ended_is_believed_by_nobody",),
    ),
    Bug(
        "nobody is told that nobody watches",
        "Every listener is gone, and everything says that it is well.",
        "execution/held_stop_watch.py",
        "        if new:\n",
        "        if new and not late:\n",
        (f"{WATCHING}::test_a_stop_that_nobody_watches_is_told_within_fifteen_seconds_by_name",),
    ),
    Bug(
        "a listener that stands still says that it watches",
        "Its stops count as watched while no price is judged.",
        "listener/price_monitor.py",
        "        if self._clock.monotonic() - self._looked_at > JUDGED_WITHIN:\n            return ()\n",
        "",
        (f"{WATCHING}::test_a_listener_names_what_it_judges_and_nothing_while_its_looks_stand_still",),
    ),
    Bug(
        "a stop that nobody has named yet is watched",
        "A listener that cannot speak to Postgres is never missed.",
        "migrations/versions/0022_watching.py",
        "GREATEST(w.watched_at, s.bought_at, pg_postmaster_start_time())",
        "coalesce(w.watched_at, clock_timestamp())",
        ("tests/contract/test_held_stops.py::test_a_stop_that_nobody_names_is_unwatched",),
    ),
    Bug(
        "the API's role changes orders",
        "Whoever takes over the API has an order in doubt count as sold.",
        "migrations/roles.py",
        '"SELECT ON orders, events, system_switch',
        '"SELECT, UPDATE ON orders, events, system_switch',
        (f"{ROLES}::test_a_role_is_refused",),
    ),
    Bug(
        "the API's role deletes what runs",
        "Whoever takes over the API makes shares that are held nobody's.",
        "migrations/row_security.py",
        'f"FOR DELETE USING ({_ME} AND NOT ({_HOLDS}))"',
        'f"FOR DELETE USING ({_ME})"',
        (f"{ROLES}::test_the_api_touches_its_users_rows_by_their_state",),
    ),
    Bug(
        "the worker's role rewrites an order's tag",
        "The order is at the broker under a tag that no row has.",
        "migrations/roles.py",
        '"round", "leg", "attempt", "tag"),',
        '"round", "leg", "attempt"),',
        (f"{ROLES}::test_a_role_is_refused",),
    ),
    Bug(
        "an odd notification ends the listening",
        "Any role stops every stream of the API with one statement.",
        "adapters/postgres/notify_listener.py",
        "    except ValueError:\n        return None\n",
        "    except ValueError:\n        raise\n",
        ("tests/attacks/test_odd_notifications.py",),
    ),
)
