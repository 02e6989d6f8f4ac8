"""Which days have their stop rest at the exchange, and what strikes it there: its user's hand, its exchange.

Decided by the seed, with dice of its own: the other days are what they are without them.
"""

import random
from dataclasses import replace

from domain.failpoint import STOP_STEPS
from tests.chaos.hand_plan import GENTLE, HELD
from tests.chaos.plan import Day, Disturbance, Fault, Hand, Plan, Strike, fault_free

SHARE = 1 / 3
"""Of all days, where nothing else is asked for."""
KILL_SHARE, KILL_KEEP_SHARE = 0.4, 0.25
"""Of the days that end by STOP: by the kill switch instead; and of those, by one that sells nothing."""
TRAIL_SHARE = 0.4
"""Of the days that are stopped out: the price rises first, and the stop follows it."""
HAND_SHARE = 0.3
"""Of the days that hold: their user reaches for the resting order."""
STRIKE_SHARE = 0.6
ENDED = ("cancel_17070", "self_trade_cancel", "sweep")
"""The exchange takes the order away."""
CHANGED = ("modify_too_late", "modify_lost")
LOST = ("accept_then_reset", "accept_then_hang", "http_503", "http_503_but_placed", "slow")
"""What may become of a change or a cancellation at the broker, beside that."""
CHANGES = "/orders/regular/"
"""The path of a change and of a cancellation; a placement's ends before it."""
KEPT_FOR = 8.0
"""Seconds that a day is held after a kill switch that sells nothing."""
FAILPOINTS = 0.02
HIDDEN = 5.0


def with_protection(plan: Plan, *, every: bool = False) -> Plan:
    """Return the plan with a third of its days, or every one, protected by a stop at the exchange."""
    dice = random.Random(plan.seed + 13)  # noqa: S311 - as the plan's own
    spared = fault_free(plan)
    days = tuple(
        _day(dice, day, day.lane in spared) if every or dice.random() < SHARE else day for day in plan.days
    )
    killed = tuple(
        _killed(dice, number, len(days)) for number in range(max(1, round(len(days) * FAILPOINTS)))
    )
    disturbances = sorted((*plan.disturbances, *killed), key=lambda one: (one.after_day, one.wait))
    return replace(plan, days=days, disturbances=tuple(disturbances))


def _day(dice: random.Random, day: Day, spared: bool) -> Day:
    day = _of_another_kind(dice, replace(day, protect=True, faults=tuple(map(_shown_in_time, day.faults))))
    if not day.herd and dice.random() < HAND_SHARE and _may_be_reached_for(day):
        day = replace(day, hands=_hands(dice, day))
    return day if spared or dice.random() > STRIKE_SHARE else _struck(dice, day)


def _of_another_kind(dice: random.Random, day: Day) -> Day:
    if day.kind == "stop_exit" and dice.random() < KILL_SHARE:
        if dice.random() < KILL_KEEP_SHARE:
            return replace(day, kind="kill_keep", hold=day.act_at + KEPT_FOR)
        return replace(day, kind="kill_exit")
    if day.kind == "stop_loss" and not day.herd and dice.random() < TRAIL_SHARE:
        return replace(day, kind="trail")
    return day


def _shown_in_time(fault: Fault) -> Fault:
    """Have a book hide a sale for no longer than its horizon: what rests has sold nothing that proves it."""
    hides = fault.kind == "late_visibility" and fault.side == "SELL"
    return replace(fault, delay=min(fault.delay, HIDDEN)) if hides else fault


def _may_be_reached_for(day: Day) -> bool:
    """Tell whether the day holds, and its hands need none of its faults."""
    holds = day.kind in (*HELD, "trail", "kill_exit", "kill_keep")
    return holds and all(hand.action in (*GENTLE, "sell", "convert") for hand in day.hands)


def _hands(dice: random.Random, day: Day) -> tuple[Hand, ...]:
    """Cancel the resting order; by turns sell or convert its shares right after, as an app makes one do."""
    end = day.hold if day.kind in ("sell", "kill_keep") else day.act_at
    soon = round(dice.uniform(0.8, max(1.0, min(end - 0.3, 6.0))), 2)
    at = dice.choice((soon, round(end + dice.uniform(-0.25, 0.25), 3)))
    cancel, after = Hand("cancel_stop", at), at + round(dice.uniform(0.05, 0.5), 2)
    share = dice.choice((0.5, 1.0))
    also = dice.choice(((), (), (Hand("sell", after, share),), (Hand("convert", after, share),)))
    return (cancel, *also)


def _struck(dice: random.Random, day: Day) -> Day:
    """Have the exchange take the order away, or a change of it come to nothing."""
    what = dice.choice((*ENDED, *CHANGED, "lost"))
    if what == "lost":
        lost = Fault(dice.choice(LOST), path=CHANGES, count=dice.randint(1, 3), delay=dice.uniform(0.2, 3))
        return replace(day, faults=(*day.faults, lost))
    at = round(dice.uniform(1, max(2, day.act_at)), 2) if what == "sweep" else 0.0
    strike = Strike(what, at, dice.randint(1, 4) if what in CHANGED else 1)
    meets_itself = what == "self_trade_cancel" and not day.hands and not day.herd
    hands = (Hand("buy", round(dice.uniform(1, 6), 2), 0.5),) if meets_itself else day.hands
    return replace(day, strikes=(*day.strikes, strike), hands=hands)


def _killed(dice: random.Random, number: int, days: int) -> Disturbance:
    """Kill whoever changes a stop next."""
    return Disturbance(
        dice.randrange(days), round(dice.uniform(0, 12), 2), "failpoint", STOP_STEPS[number % len(STOP_STEPS)]
    )
