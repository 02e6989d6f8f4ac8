"""The checker finds what is wrong on an account on which others have their hands, too."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta

import pytest

from tests.chaos.checker import judged
from tests.chaos.evidence import Evidence
from tests.chaos.good_day import BUY_AT, SELL_AT, SOLD, good, hand, invariants, line, order, placed
from tests.chaos.hand_plan import with_hands
from tests.chaos.plan import Plan, fault_free

HOLDING = BUY_AT + timedelta(seconds=5)


def closed_outside(seen: Evidence, ended: datetime) -> None:
    """Make it a day whose shares were sold by hand while it held, and that says so at `ended`."""
    hand(seen, HOLDING, -10)
    seen.script["days"][0]["day"]["hands"] = [{"action": "sell"}]
    seen.ledger[:] = [row for row in seen.ledger if row["tag"] != "S1"]
    del seen.orders[1]
    words = {"outcome": "closed_outside", "position": "sold"}
    seen.strategies[SOLD] |= words | {"sold_quantity": 0, "outside_quantity": 10}
    seen.views[SOLD] |= words | {"sold": 0}
    seen.events[SOLD][1:] = [line("alert", ended), line("stopped", ended)]


def sold_what_was_gone(seen: Evidence) -> None:
    hand(seen, HOLDING, -10)


def sold_more_than_was_left(seen: Evidence) -> None:
    hand(seen, HOLDING, -4)


def sold_what_was_converted(seen: Evidence) -> None:
    act = {"what": "hand", "action": "convert", "at": HOLDING.timestamp(), "orders": []}
    moves = [
        {"symbol": "TCS", "product": product, "quantity": n} for product, n in (("MIS", -10), ("CNC", 10))
    ]
    seen.script["days"][0]["acts"].append(act | {"moves": moves})


def oversold_in_silence(seen: Evidence) -> None:
    hand(seen, SELL_AT - timedelta(seconds=0.3), -10)


def gone_and_never_ended(seen: Evidence) -> None:
    closed_outside(seen, SELL_AT)
    seen.events[SOLD][1:] = []


def gone_and_ended_late(seen: Evidence) -> None:
    closed_outside(seen, HOLDING + timedelta(seconds=70))


def gone_and_not_said(seen: Evidence) -> None:
    closed_outside(seen, SELL_AT)
    seen.strategies[SOLD] |= {"outcome": "stopped", "outside_quantity": 0}


def short_and_sold_what_was_gone(seen: Evidence) -> None:
    """The account was short by hand before, and more is taken while it holds."""
    hand(seen, BUY_AT - timedelta(seconds=60), -3)
    hand(seen, HOLDING, -4)


def closed_and_opened_again(seen: Evidence) -> None:
    """The broker squares off what is left of a short by hand and the purchase; the sale opens it again."""
    hand(seen, BUY_AT - timedelta(seconds=60), -3)
    hand(seen, HOLDING, -7)


def in_another_account(seen: Evidence) -> None:
    seen.script["days"].append(seen.script["days"][0] | {"user": "U2", "strategies": []})
    seen.ledger[1]["user_id"] = "U2"


def a_deleted_tag_again(seen: Evidence) -> None:
    seen.script["days"][0]["deleted_tags"] = ["D1"]
    seen.ledger.extend([placed("BUY", "D1", BUY_AT), placed("BUY", "D1", SELL_AT)])


def created_again(seen: Evidence) -> None:
    act = {"what": "created again", "at": SELL_AT.timestamp(), "strategy_id": "X", "made": "X", "answer": 201}
    seen.script["days"][0]["acts"].append(act)


def stood_still(seen: Evidence) -> None:
    late = SELL_AT + timedelta(seconds=90)
    seen.orders[1]["sent_at"], seen.ledger[1]["received_at"] = late, late.timestamp()
    seen.events[SOLD][1]["at"] = late + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("spoil", "invariant"),
    [
        (sold_what_was_gone, "8"),
        (sold_more_than_was_left, "8"),
        (sold_what_was_converted, "8"),
        (oversold_in_silence, "8"),
        (short_and_sold_what_was_gone, "8"),
        (closed_and_opened_again, "8"),
        (gone_and_never_ended, "9"),
        (gone_and_ended_late, "9"),
        (gone_and_not_said, "9"),
        (in_another_account, "10"),
        (a_deleted_tag_again, "10"),
        (created_again, "10"),
        (stood_still, "11"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_a_violation_is_found_when_an_account_is_not_ours_alone(
    spoil: Callable[[Evidence], None], invariant: str
) -> None:
    evidence = deepcopy(good())
    spoil(evidence)
    assert invariant in await invariants(evidence)


def told(seen: Evidence) -> None:
    oversold_in_silence(seen)
    seen.strategies[SOLD]["oversold_quantity"] = 10


def short_by_hand_before(seen: Evidence) -> None:
    """The sale leaves the short that was there before the purchase."""
    hand(seen, BUY_AT - timedelta(seconds=60), -3)


def switched_before_its_start(seen: Evidence) -> None:
    acts = seen.script["days"][0]["acts"]
    acts.append({"what": "connected another", "at": BUY_AT.timestamp() - 9, "answer": 200, "to": "U2"})
    acts.append(
        {"what": "start", "at": BUY_AT.timestamp() - 5, "strategy_id": SOLD, "buy_at": BUY_AT.timestamp()}
    )
    for row in seen.ledger:
        row["user_id"] = "U2"
    seen.script["days"].append(seen.script["days"][0] | {"user": "U2", "strategies": [], "acts": []})


def forgotten_and_connected_before_its_start(seen: Evidence) -> None:
    switched_before_its_start(seen)
    acts = seen.script["days"][0]["acts"]
    acts[acts.index(next(act for act in acts if act["what"] == "connected another"))] = {
        "what": "switched",
        "at": BUY_AT.timestamp() - 9,
        "to": "U2",
    }


def bought_by_hand(seen: Evidence) -> None:
    hand(seen, HOLDING, 10)


def sold_by_hand_afterwards(seen: Evidence) -> None:
    hand(seen, HOLDING, 10)
    hand(seen, SELL_AT + timedelta(seconds=20), -10)


def told_that_it_waits(seen: Evidence) -> None:
    stood_still(seen)
    seen.events[SOLD].insert(1, line("waiting", SELL_AT + timedelta(seconds=1)))


def bought_by_a_strategy_that_was_deleted(seen: Evidence) -> None:
    """What it bought, and a hand sold, is of no other strategy."""
    seen.script["days"][0]["deleted_tags"] = ["D1"]
    seen.ledger.insert(0, placed("BUY", "D1", BUY_AT - timedelta(seconds=40)))
    hand(seen, BUY_AT - timedelta(seconds=20), -10)


def called_off_before_it_was_due(seen: Evidence) -> None:
    """The next day of a series waited, with its entry scheduled, and its user said STOP."""
    tomorrow = BUY_AT + timedelta(days=1)
    after = SELL_AT + timedelta(seconds=5)
    seen.orders.append(
        order("entry", "B2", tomorrow, status="not_placed", sent_at=None, created_at=after, message="stopped")
    )
    seen.events[SOLD] += [line("started", SELL_AT), line("stopped", after)]


def gone_and_sold_unread(seen: Evidence) -> None:
    hand(seen, HOLDING, -10)
    seen.events[SOLD].insert(1, line("alert", SELL_AT, "TCS could not be read at the broker: 10 are sold."))


def gone_and_ended_in_time(seen: Evidence) -> None:
    closed_outside(seen, HOLDING + timedelta(seconds=50))


def deleted(seen: Evidence) -> None:
    seen.script["days"][0]["deleted_tags"] = ["D1", "D2"]
    seen.ledger[:0] = [placed("BUY", "D1", BUY_AT), placed("SELL", "D2", BUY_AT)]


@pytest.mark.parametrize(
    "move",
    [
        *(told, bought_by_hand, sold_by_hand_afterwards, told_that_it_waits, gone_and_ended_in_time, deleted),
        *(bought_by_a_strategy_that_was_deleted, short_by_hand_before, switched_before_its_start),
        forgotten_and_connected_before_its_start,
        *(called_off_before_it_was_due, gone_and_sold_unread),
    ],
)
async def test_no_invariant_is_violated_by_what_others_do(move: Callable[[Evidence], None]) -> None:
    evidence = deepcopy(good())
    move(evidence)
    assert await invariants(evidence) == set()


async def test_hands_inside_the_window_are_counted_with_those_that_were_told() -> None:
    evidence = good()
    told(evidence)
    verdict = await judged(evidence)
    assert verdict["window"] == {
        "oversold": 1,
        "told": 1,
        "triggered before it was heard": 0,
        "sold unread": 0,
    }
    assert verdict["hands"] == {"sell": 1}


def test_at_least_a_third_of_the_days_have_hands_on_their_account() -> None:
    for seed in range(5):
        plan = with_hands(Plan.made(seed, 400, 40))
        assert sum(bool(day.hands) for day in plan.days) > len(plan.days) / 3
        assert {hand.action for day in plan.days for hand in day.hands} == {
            *("sell", "buy", "convert", "square_off", "cancel", "login_elsewhere", "switch", "keep")
        }
        assert {day.afterwards for day in plan.days} == {"", "switch", "recreate"}
        assert fault_free(plan) == fault_free(Plan.made(seed, 400, 40))
