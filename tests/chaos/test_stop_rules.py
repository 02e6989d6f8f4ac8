"""The checker finds what is wrong with stops at the exchange."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.chaos.checker import judged
from tests.chaos.evidence import Evidence
from tests.chaos.good_day import BUY_AT, SELL_AT, SOLD, good, hand, invariants, line, order, placed
from tests.chaos.hand_plan import with_hands
from tests.chaos.plan import Plan, fault_free
from tests.chaos.protect_plan import with_protection
from tests.chaos.stop_rules import without

ENDED = SELL_AT + timedelta(seconds=1)
WAITS = "TRIGGER PENDING"


def rested(seen: Evidence, *states: tuple[datetime, str, int]) -> None:
    """Let the sale have rested at the exchange since the purchase, and have gone through these states."""
    row = next(row for row in seen.ledger if row["tag"] == "S1")
    history = [{"at": at.timestamp(), "status": status, "filled_quantity": n} for at, status, n in states]
    row |= {"received_at": BUY_AT.timestamp() + 1, "quantity": 10, "history": history}
    row |= {"status": states[-1][1], "filled_quantity": states[-1][2]}
    changed = {"price": None, "sent_at": SELL_AT.isoformat()}
    sent = {"created_at": BUY_AT, "sent_at": BUY_AT + timedelta(seconds=0.9)}
    seen.orders[1] |= sent | {"stop": {"triggers": []}, "modifications": [changed]}


def protected() -> Evidence:
    """A day whose stop rested at the exchange, and was its sale."""
    seen = good()
    seen.script["days"][0]["day"]["protect"] = True
    seen.events[SOLD].insert(1, line("bought", BUY_AT))
    rested(seen, (BUY_AT, WAITS, 0), (SELL_AT, "COMPLETE", 10))
    return seen


def alive_after_the_end(seen: Evidence) -> None:
    rested(seen, (BUY_AT, WAITS, 0), (ENDED + timedelta(seconds=6), "CANCELLED", 0))


def never_over(seen: Evidence) -> None:
    rested(seen, (BUY_AT, WAITS, 0))


def two_sales_at_once(seen: Evidence) -> None:
    """Another sale goes out while the stop rests, though neither is filled twice."""
    at = BUY_AT + timedelta(seconds=5)
    over = [{"at": at.timestamp() + 2, "status": "CANCELLED", "filled_quantity": 0}]
    also = placed("SELL", "S2", at, status="CANCELLED", filled_quantity=0, quantity=10, history=over)
    seen.ledger.append(also)
    seen.orders.append(order("exit", "S2", at, attempt=2, status="cancelled", filled_quantity=0))


def nobody_watches(seen: Evidence) -> None:
    """The exchange took the stop away at once, and no listener said that it watched."""
    rested(seen, (BUY_AT, WAITS, 0), (BUY_AT + timedelta(seconds=1.1), "CANCELLED", 0))


@pytest.mark.parametrize(
    ("spoil", "invariant"),
    [
        (alive_after_the_end, "13"),
        (never_over, "13"),
        (two_sales_at_once, "13"),
        (nobody_watches, "14"),
    ],
)
async def test_a_stop_that_is_out_of_order_is_found(
    spoil: Callable[[Evidence], None], invariant: str
) -> None:
    seen = protected()
    spoil(seen)
    assert invariant in await invariants(seen)


async def test_a_stop_that_rested_and_sold_is_in_order() -> None:
    assert await invariants(protected()) == set()


async def test_a_listener_that_watches_is_a_stop() -> None:
    seen = protected()
    nobody_watches(seen)
    seen.script["watch"] = {"watched": {SOLD: [BUY_AT.timestamp() + each for each in (2, 5, 8)]}}
    assert "14" not in await invariants(seen)


async def test_a_listener_that_was_killed_is_none() -> None:
    seen = protected()
    nobody_watches(seen)
    died = BUY_AT.timestamp() + 1.2
    seen.script["watch"] = {"watched": {SOLD: [died - 0.2]}, "nobody": [[died, died + 9]]}
    assert "14" in await invariants(seen)
    seen.script["disturbances"].append(
        {"what": "kill", "target": "listener", "hit": 7, "at": died, "until": died + 9}
    )
    assert "14" not in await invariants(seen)
    figures: dict[str, Any] = (await judged(seen))["protected"]
    assert figures["without a stop while the listener was away"] == 1


async def test_what_the_exchange_sells_before_a_hand_is_heard_of_is_counted_apart() -> None:
    seen = protected()
    hand(seen, SELL_AT - timedelta(seconds=5), -10)
    assert "8" in await invariants(seen)
    seen.orders[1]["modifications"] = []
    seen.events[SOLD].insert(2, line("alert", ENDED, "the account is short of 10 TCS"))
    assert "8" not in await invariants(seen)
    assert (await judged(seen))["window"]["triggered before it was heard"] == 1


def test_what_is_covered_in_parts_leaves_the_gaps() -> None:
    assert without(0, 10, [(4, 6), (1, 3), (2, 5)]) == [(0, 1), (6, 10)]
    assert without(0, 10, [(0, 11)]) == []


def test_a_third_of_the_days_is_protected_and_the_others_are_what_they_were() -> None:
    for seed in range(5):
        plan = with_hands(Plan.made(seed, 400, 40))
        days = with_protection(plan).days
        assert 100 < sum(day.protect for day in days) < 170
        assert all(day == before for day, before in zip(days, plan.days, strict=True) if not day.protect)


def test_protected_days_meet_every_hand_strike_and_kind() -> None:
    plan = with_hands(Plan.made(3, 400, 40))
    every = with_protection(plan, every=True)
    assert all(day.protect for day in every.days)
    strikes = {one.kind for day in every.days for one in day.strikes}
    assert strikes == {"cancel_17070", "self_trade_cancel", "sweep", "modify_too_late", "modify_lost"}
    assert {day.kind for day in every.days} >= {"trail", "kill_exit", "kill_keep"}
    assert "cancel_stop" in {hand.action for day in every.days for hand in day.hands}
    assert fault_free(every) == fault_free(plan)
    assert not any(day.strikes for day in every.days if day.lane in fault_free(plan))
