"""The checker finds what it is there for: a day that is in order, and every way in which it may not be."""

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta

import pytest

from tests.chaos.evidence import Evidence
from tests.chaos.good_day import BUY_AT, SELL_AT, SOLD, good, invariants, order, placed, refused
from tests.chaos.plan import Plan


async def test_nothing_is_violated_when_the_day_is_in_order() -> None:
    assert await invariants(good()) == set()


def twice(seen: Evidence) -> None:
    seen.ledger.insert(1, placed("BUY", "B2", BUY_AT + timedelta(seconds=1)))
    seen.orders.insert(1, order("entry", "B2", BUY_AT + timedelta(seconds=1), attempt=2))


def sent_again_with_one_tag(seen: Evidence) -> None:
    seen.refused.append(refused("POST", "/orders/regular", 503, tag="S1"))


def nobodys(seen: Evidence) -> None:
    seen.ledger.append(placed("SELL", "X9", SELL_AT))


def intent_afterwards(seen: Evidence) -> None:
    seen.orders[0]["sent_at"] = BUY_AT + timedelta(seconds=2)


def unresolved(seen: Evidence) -> None:
    seen.orders[1]["status"] = "sent"


def oversold(seen: Evidence) -> None:
    seen.ledger[1]["filled_quantity"] = seen.orders[1]["filled_quantity"] = 11


def left_in_silence(seen: Evidence) -> None:
    seen.ledger[1]["filled_quantity"] = seen.orders[1]["filled_quantity"] = 4
    seen.strategies[SOLD] |= {"sold_quantity": 4, "position": "bought"}
    seen.views[SOLD] |= {"sold": 4, "position": "bought"}


def late(seen: Evidence) -> None:
    seen.ledger[0]["received_at"] += 6
    seen.orders[0]["sent_at"] += timedelta(seconds=6)


def after_the_stop(seen: Evidence) -> None:
    seen.events[SOLD][1]["at"] = SELL_AT - timedelta(seconds=3)


def crossed(seen: Evidence) -> None:
    seen.script["days"][0]["day"]["kind"] = "crossed"
    seen.script["fault_free_lanes"] = []


def left_over_key(seen: Evidence) -> None:
    seen.redis_keys.append(f"runtime:{SOLD}")


def still_open(seen: Evidence) -> None:
    seen.open_runs.append(f"strategy-{SOLD}-2026-11-20")


def run_differs(seen: Evidence) -> None:
    seen.views[SOLD]["sold"] = 9


def spoiled_by_others(seen: Evidence) -> None:
    seen.strategies[SOLD]["outcome"] = seen.views[SOLD]["outcome"] = "missed"


def asked_too_often(seen: Evidence) -> None:
    seen.refused.append(refused("GET", "/quote", 429))


def silent_rejection(seen: Evidence) -> None:
    seen.ledger.append(placed("SELL", "S0", SELL_AT, status="REJECTED", filled_quantity=0))
    rejected = order("exit", "S0", SELL_AT, status="rejected", filled_quantity=0)
    seen.orders.append(rejected)


def no_reason(seen: Evidence) -> None:
    seen.strategies[SOLD]["outcome_detail"] = None


@pytest.mark.parametrize(
    ("spoil", "invariant"),
    [
        (sent_again_with_one_tag, "1"),
        (nobodys, "1"),
        (intent_afterwards, "1"),
        (unresolved, "1"),
        (twice, "2"),
        (oversold, "2"),
        (left_in_silence, "2"),
        (late, "3"),
        (after_the_stop, "3"),
        (crossed, "3"),
        (left_over_key, "4"),
        (still_open, "4"),
        (run_differs, "4"),
        (spoiled_by_others, "5"),
        (asked_too_often, "5"),
        (silent_rejection, "6"),
        (no_reason, "6"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_a_violation_is_found_when_something_is_wrong(
    spoil: Callable[[Evidence], None], invariant: str
) -> None:
    evidence = deepcopy(good())
    spoil(evidence)
    assert invariant in await invariants(evidence)


async def test_what_the_broker_refuses_on_a_day_that_has_faults_is_no_violation() -> None:
    evidence = good()
    asked_too_often(evidence)
    evidence.script["fault_free_lanes"] = []
    assert await invariants(evidence) == set()


async def test_a_plan_has_groups_and_one_that_nothing_is_in_the_way_of() -> None:
    for seed in range(20):
        groups = [day for day in Plan.made(seed, 40, 20).days if day.group >= 3]
        assert any(not day.faults and day.login is None for day in groups)
        assert all(day.twins == 1 and not day.herd for day in groups)
