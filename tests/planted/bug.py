"""A planted bug: one old text, one new text, and the test that must fail."""

from dataclasses import dataclass

SINGLES = "tests/simulation/test_singles.py"
HANDS = "tests/simulation/test_hands.py"
HELD = f"{HANDS}::test_a_run_ends_as_it_should_when_a_hand_moves_while_it_holds"
MEETS = f"{HANDS}::test_a_day_is_good_when_a_hand_and_a_fault_meet"
TOGETHER = "tests/simulation/test_pairs.py::test_a_day_is_good_when_these_strike_together"
LEG = "tests/unit/test_leg.py"
DAY = "tests/unit/test_day.py"
DISPATCHER = "tests/unit/test_dispatcher.py"
OUTCOMES = "tests/contract/test_kite_outcomes.py"
REFUSALS = "tests/contract/test_kite_refusals.py"
ROWS = "tests/contract/test_kite_rows.py"
HOLDING_ROWS = "tests/contract/test_kite_holding_rows.py"
QUOTE_ROWS = "tests/contract/test_kite_quote_rows.py"
ORDERS = "tests/integration/test_store_orders.py"
RUNS = "tests/integration/test_store_runs.py"
REDIS = "tests/integration/test_redis_cache.py"
EXECUTOR = "tests/unit/test_executor.py"
ARMED = "tests/integration/test_store_armed.py"
LIMITS = "tests/integration/test_limits.py"
LATE = "tests/integration/test_late_orders.py"
WALLS = "tests/integration/test_walls.py"
NOTICES = "tests/integration/test_notices.py"
DELIVERY = "tests/integration/test_notice_delivery.py"
ENDLESS = "tests/integration/test_endless_runs.py"
WATCHERS = "tests/integration/test_watchers.py"
KILL_SWITCH = "tests/integration/test_kill_switch.py"
DOORS = "tests/integration/test_temporal_doors.py"
ROUND = "tests/unit/test_reconciler_round.py"
CREATION = "tests/integration/test_api_creation.py"
QUOTES = "tests/integration/test_quote_turns.py"
STANDING = "tests/integration/test_standing_runs.py"
WAITING = "tests/integration/test_waiting_runs.py"
CAUSES = "tests/integration/test_cause_before_effect.py"
SUSPEND = "tests/unit/test_suspend.py"
REFUSING = "tests/integration/test_refusing_parts.py"
READINESS = "tests/integration/test_start_readiness.py"


@dataclass(frozen=True, slots=True)
class Bug:
    """In `path`, `old` (found exactly once) becomes `new`; the first of `tests` to fail has caught it."""

    name: str
    why: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]
