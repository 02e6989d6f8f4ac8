"""Which days have other hands on the account, and whose: the user's in the broker's app, and the broker's.

Decided by the seed, with dice of its own: a plan without hands is the same plan as with them, but for them.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.chaos.plan import (
    HERDS,
    REFUSED,
    Day,
    Disturbance,
    Fault,
    Hand,
    Plan,
    fault_free,
    is_calm,
    planned_outcomes,
)

HELD = (
    "sell",
    "stop_loss",
    "target",
    "again",
    "stop_exit",
    "stop_keep",
    "two_stops",
    "cancel_exit",
    "cancel_keep",
)
"""Kinds of days that hold shares for a while, by which others can reach for them."""
SHARE = 0.75
"""Of the days of those kinds; herds are left alone. Of all days, more than a third."""
GENTLE = ("sell_all", "sell_some", "sell_at_sale", "buy", "convert_all", "convert_some", "square_off")
"""Hands that need nothing to fail: days of users without faults have these only."""
ROUGH = ("cancel", "login_elsewhere", "switch", "refuse")
TAKES = frozenset({"sell", "convert", "square_off"})
AT_SALE = (-0.25, 0.25)
"""Seconds from the moment of the sale: into the window between the last look and the order, and around it."""
HELD_LONG, HELD_LONG_SHARE = 100.0, 0.08
"""Seconds; and the share of days on which all is sold long before its sell time: the run must end before."""
ROWS = ("/orders", "/portfolio/positions", "/quote")
REFUSALS = ("reject_400", "authorise_428")
"""By turns: without dice, so that a seed's plan is what it was."""
KEEP_AFTER = 12.0
"""Seconds after the sale's time at which the user of a refused one says keep."""


def with_hands(plan: Plan) -> Plan:
    """Return the plan with hands in at least a third of its days, and rows that cannot be read."""
    dice = random.Random(plan.seed + 7)  # noqa: S311 - as the plan's own
    spared, many = fault_free(plan), len(plan.days) >= HERDS
    days = tuple(_day(dice, day, day.lane in spared, many) for day in plan.days)
    rows = tuple(_rows(dice, number, len(days)) for number in range(max(1, round(len(days) * 0.02))))
    disturbances = sorted((*plan.disturbances, *rows), key=lambda one: (one.after_day, one.wait))
    return replace(plan, days=days, disturbances=tuple(disturbances))


def outcomes_of(day: Mapping[str, Any]) -> frozenset[str]:
    """Return the outcomes that a day may have when nothing else is in its way."""
    planned = planned_outcomes(day["kind"])
    if not any(hand["action"] in TAKES for hand in day.get("hands", ())):
        return planned
    # Where a share was gone, the end of a round is not certain, and nothing is bought again.
    ends = {"closed_outside"} | ({"stop_loss", "target"} if day["kind"] == "again" else set())
    return planned | ends


def _day(dice: random.Random, day: Day, spared: bool, many: bool) -> Day:
    afterwards = dice.choices(("", "switch", "recreate"), (20, 1 if spared else 0, 2))[0]
    day = replace(day, afterwards=afterwards if day.group == 1 and not day.herd else "")
    if day.kind not in HELD or day.herd or dice.random() > SHARE:
        return day
    what = dice.choice(GENTLE if spared else (*GENTLE, *ROUGH))
    day = replace(day, product="MIS" if what == "square_off" else dice.choice(("CNC", "MIS")))
    if many and day.kind == "sell" and what == "sell_all" and dice.random() < HELD_LONG_SHARE * 8:
        day = replace(day, hold=HELD_LONG)
    return _reached_for(dice, day, what)


def _reached_for(dice: random.Random, day: Day, what: str) -> Day:
    sale = day.hold if day.kind == "sell" else day.act_at
    soon = round(dice.uniform(0.6, max(0.7, min(sale - 0.3, 6.0))), 2)
    at_sale = round(sale + dice.uniform(*AT_SALE), 3)
    hands = {
        "sell_all": Hand("sell", soon),
        "sell_some": Hand("sell", soon, 0.5),
        "sell_at_sale": Hand("sell", at_sale),
        "buy": Hand("buy", soon, 0.5),
        "convert_all": Hand("convert", soon),
        "convert_some": Hand("convert", soon, 0.5),
        "square_off": Hand("square_off", dice.choice((soon, at_sale))),
        "cancel": Hand("cancel", dice.choice((0.1, sale + 0.1))),
        "login_elsewhere": Hand("login_elsewhere", dice.choice((soon, at_sale)), after=dice.uniform(1, 7)),
        "switch": Hand("switch", soon),
        "refuse": Hand("keep", sale + KEEP_AFTER),
    }
    faults = {
        "cancel": (Fault("partial_fill", "BUY"), Fault("partial_fill", "SELL")),
        "refuse": (Fault(REFUSALS[day.number % len(REFUSALS)], "SELL", count=REFUSED),),
    }
    return replace(day, hands=(hands[what],), faults=(*day.faults, *faults.get(what, ())))


def _rows(dice: random.Random, number: int, days: int) -> Disturbance:
    day = dice.randrange(days)
    while is_calm(day, days):
        day = dice.randrange(days)
    symbol = dice.choice(("TCS", ""))  # one that somebody may hold, or none: then nothing is proven for all
    wait, seconds = round(dice.uniform(0, 12), 2), round(dice.uniform(2, 6), 1)
    return Disturbance(day, wait, "rows", ROWS[number % len(ROWS)], seconds=seconds, trouble=symbol)
