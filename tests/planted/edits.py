"""Planted in the edit of a strategy: what runs would not be what the strategy says."""

from tests.planted.bug import Bug

EDIT = "tests/integration/test_api_edit.py"
COPY = "tests/integration/test_api_copy.py"
ROLES = "tests/attacks/test_database_roles.py"

EDIT_BUGS: tuple[Bug, ...] = (
    Bug(
        "a START does not look at the terms it holds",
        "An edit that came between is shown to the user, and the terms before it are traded.",
        "services/strategies/start.py",
        "    if held != strategy:\n",
        "    if held.strategy_id != strategy.strategy_id:\n",
        (f"{EDIT}::test_a_start_that_read_the_terms_before_an_edit_is_refused",),
    ),
    Bug(
        "a START on its way bars no edit",
        "Its run begins a second later, by terms that the strategy does not have any more.",
        "adapters/postgres/idle_strategies.py",
        "            return Use.STARTING\n",
        "            return None\n",
        (f"{EDIT}::test_a_strategy_whose_start_is_under_way_is_not_edited",),
    ),
    Bug(
        "an edit overwrites the one before it",
        "Two phones change two terms at once, and one of them is lost though it was answered with 200.",
        "adapters/postgres/idle_strategies.py",
        "        if row is None or record_of(row).strategy != before:\n",
        "        if row is None:\n",
        (f"{EDIT}::test_two_edits_at_once_both_count",),
    ),
    Bug(
        "a run begins by terms that were edited since",
        "The listener watches by the new stop what was bought by the old terms.",
        "adapters/postgres/runs.py",
        "    if terms_of_row(strategy) != request.start.strategy:\n",
        "    if terms_of_row(strategy).user_id != request.start.strategy.user_id:\n",
        (f"{EDIT}::test_a_start_that_begins_after_an_edit_trades_nothing",),
    ),
    Bug(
        "kept shares are sold by the terms of today",
        "Shares of another symbol, which the user never bought here, are sold.",
        "services/strategies/start.py",
        "    if bought is not None and _shares_of(bought) != _shares_of(strategy):\n",
        "    if bought is not None and bought.user_id != strategy.user_id:\n",
        (f"{EDIT}::test_kept_shares_are_not_sold_by_terms_that_name_others",),
    ),
    Bug(
        "the API's role changes the terms of what runs",
        "Whoever takes over the API moves the stop of a running strategy.",
        "migrations/row_security.py",
        'f"FOR UPDATE USING ({_ME}) WITH CHECK ({_ME} AND (NOT ({_HOLDS}) OR {_WAITS}))"',
        'f"FOR UPDATE USING ({_ME}) WITH CHECK ({_ME})"',
        (f"{ROLES}::test_a_role_is_refused",),
    ),
    Bug(
        "a copy's key is forgotten",
        "A phone without an answer copies the strategy a second time.",
        "services/strategies/creation_key.py",
        'return uuid4() if key is None else uuid5(strategy_id, f"{user_id}|{key}")',
        "return uuid4()",
        (f"{COPY}::test_a_copy_under_its_key_is_the_same_one",),
    ),
)
