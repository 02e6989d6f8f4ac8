"""Planted in what keeps one tenant from holding up, locking out or reading another."""

from tests.planted.bug import Bug

FEED = "tests/integration/test_api_feed.py"
NOISY = "tests/attacks/test_noisy_tenant.py"
BOUNDS = "tests/attacks/test_bounds.py"
LOCKOUT = "tests/attacks/test_lockout.py"
ODD_INPUT = "tests/attacks/test_odd_input.py"

TENANT_BUGS: tuple[Bug, ...] = (
    Bug(
        "streams have no bound",
        "One account opens two thousand, and the others wait for each read.",
        "api/http/stream_gate.py",
        "if self._of[user_id] >= bounds.streams:",
        "if self._of[user_id] < 0:",
        (f"{NOISY}::test_streams_beyond_the_bound_are_refused_before_anything_is_read",),
    ),
    Bug(
        "a refused stream may be tried again at once",
        "One account takes half of the processor with attempts that are all refused.",
        "api/http/stream_gate.py",
        "if self._waiting[user_id] >= REFUSED_LATE:",
        "if self._waiting[user_id] >= 0:",
        (f"{NOISY}::test_who_tries_again_at_once_is_refused_at_a_pace",),
    ),
    Bug(
        "the largest id is taken for a client's place",
        "Of two strategies the later line is committed first: the other one is never told.",
        "api/events/cursor.py",
        "        self.floor = settled(self.sent, self.floor)\n",
        "        self.floor = max(self.sent)\n",
        (FEED,),
    ),
    Bug(
        "all users follow one feed",
        "A stream shows what others trade.",
        "api/events/feeds.py",
        "self._of.setdefault(caller.user_id, Feed(caller.user_id))",
        "next(iter(self._of.values()), None) or self._of.setdefault(caller.user_id, Feed(caller.user_id))",
        (f"{FEED}::test_another_users_strategies_are_in_no_stream_but_theirs",),
    ),
    Bug(
        "each stream reads by itself",
        "A line is read once for each stream, and Postgres' connections are all taken.",
        "api/strategies/live_timelines.py",
        "held = timeline.after(follower.after) if follower.caught_up else None",
        "held = None if follower.after < timeline.known or not follower.caught_up else ()",
        (f"{NOISY}::test_one_read_serves_all_streams_of_a_user",),
    ),
    Bug(
        "lines are kept for a client that takes none",
        "A slow reader fills the memory of the process that serves all.",
        "api/strategies/live_timelines.py",
        "while len(self.lines) > KEPT:",
        "while len(self.lines) > 1000 * KEPT:",
        (f"{NOISY}::test_a_client_that_takes_nothing_holds_up_no_other_and_no_memory",),
    ),
    Bug(
        "a limit is judged by its first digits",
        "A million rows are read where two hundred are the most.",
        "api/http/cursors.py",
        "number = whole_number(limit, LARGEST_LIMIT)",
        "number = int(limit) if whole_number(limit[:9], LARGEST_LIMIT) else None",
        (f"{ODD_INPUT}::test_a_limit_is_read_as_a_number",),
    ),
    Bug(
        "a foreign cursor is taken",
        "Where another user's list goes on says when their rows were made.",
        "api/http/cursors.py",
        "if whose != self._whose(place):",
        "if not whose:",
        (f"{ODD_INPUT}::test_a_cursor_is_good_for_its_own_list_of_its_own_user",),
    ),
    Bug(
        "a NUL reaches Postgres",
        "A reason with one is a 500.",
        "api/http/request_json.py",
        'return "\\x00" not in value and not',
        "return not",
        (f"{ODD_INPUT}::test_text_without_a_form_in_postgres_is_a_422_in_every_field",),
    ),
    Bug(
        "STARTs that have not begun count as none",
        "A thousand pressed at once pass the bound of running strategies.",
        "adapters/postgres/running_count.py",
        "WHERE starts.user_id = :user_id AND NOT starts.sell_only",
        "WHERE starts.user_id = :user_id AND starts.sell_only",
        (f"{BOUNDS}::test_starts_whose_runs_have_not_begun_count_as_running",),
    ),
    Bug(
        "a writing call is not counted",
        "Each change of the limits is a line of the audit log that stays for ever.",
        "api/account/routes.py",
        'dependencies=[limited("PUT /account/limits")],',
        "dependencies=[],",
        (f"{BOUNDS}::test_each_call_that_writes_or_reaches_the_broker_is_counted",),
    ),
    Bug(
        "STOP is counted by address",
        "Others behind the same address use it up, and an owner cannot stop.",
        "services/auth/throttle.py",
        '"POST /strategy/stop": (Rule(240, 60), None),',
        '"POST /strategy/stop": (Rule(240, 60), Rule(600, 60)),',
        (f"{LOCKOUT}::test_a_neighbours_calls_use_up_no_stop_of_the_owner",),
    ),
    Bug(
        "made-up refresh tokens count against those that are real",
        "A stranger behind the same address logs everybody there out.",
        "services/auth/logins.py",
        "    await deps.throttle.refresh(refresh_token)\n",
        "    await deps.throttle.refresh(refresh_token)\n    await deps.throttle.refresh_refused(client)\n",
        (f"{LOCKOUT}::test_refresh_tokens_that_are_made_up_keep_no_login_from_being_renewed",),
    ),
)
