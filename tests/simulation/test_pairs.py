"""Two faults in one day: every pair of the chosen kinds, the second wherever the first has led."""

import pytest

from tests.simulation.checker import judge
from tests.simulation.explore import ENDINGS, pairs
from tests.simulation.faults import Fault
from tests.simulation.play import play

LONG = ("sell time", "chase", "again")
"""Endings whose days differ from the first fault on: there are thousands of pairs on the way to each."""
PARTS = [(ending, part, 4) for ending in LONG for part in range(4)] + [
    (ending, 0, 1) for ending in ENDINGS if ending not in LONG
]


@pytest.mark.proof
@pytest.mark.parametrize(("ending", "part", "parts"), PARTS)
def test_no_order_twice_lost_or_forgotten_whatever_two_faults_strike(
    ending: str, part: int, parts: int
) -> None:
    explored = pairs(ENDINGS[ending], part=part, parts=parts)
    assert explored.days > 100
    assert not explored.failures, "\n".join(explored.failures[:20])


@pytest.mark.parametrize(
    "words",
    [
        # The position book cannot be read when the horizon of a lost exit is over: that proves nothing.
        ("place.exit#1: late 25", "read.positions#1: down 40"),
        # The order book cannot be read for longer than the horizon of a lost entry.
        ("place.entry#1: lost", "read.orders#1: down 200"),
        # The worker freezes after its claim, and comes back when another has taken over.
        ("entry.claimed#1: freeze 30", "place.entry#1: lost nothing"),
        # An answer that says no, a worker that dies before it writes that down.
        ("place.entry#1: refuse", "entry.sent#1: crash"),
        # Half is filled, then everything at the moment of the cancellation.
        ("place.entry#1: half", "cancel#1: fill first"),
        ("time.holding#1: DIP", "place.exit#1: half", "cancel#1: refused"),
        ("start.day#1: clock -3600", "time.holding#1: STOP"),
        ("start.day#1: clock +3600",),
        # Every worker that tries the entry dies, the first of them after the send: those that take it over,
        # and the run's own three attempts.
        ("entry.sent#1: crash", *(f"entry.seen#{number}: crash" for number in range(1, 13))),
        # Found by exploration, and mended: each of these once ended badly.
        ("time.holding#1: STOP", "place.entry#1: late 130"),
        ("time.selling#1: STOP keep", "exit.seen#1: crash"),
        ("time.sale#1: STOP keep", "log.claim.exit#1: commit lost"),
        ("place.exit#1: placed later 8", "log.looked_up.exit#1: fail"),
        ("log.leg.exit#1: down 40", "place.exit#1: lost nothing"),
        ("log.leg.exit#1: down 40", "exit.claimed#1: crash"),
        # Postgres goes away while a sale without an answer is looked up, and it is placed late after all.
        ("time.holding#1: DIP", "log.leg.exit#10: down 40", "place.exit#1: placed later 8"),
        ("log.looked_up.exit#9: down 40", "place.exit#1: placed later 8"),
        # A holder whose claim expired plans another attempt, while the run comes to its end.
        ("entry.claimed#1: freeze 2.6", "time.buy#1: DIP"),
        ("entry.claimed#1: STOP keep", "read.orders#1: dead login 3"),
        # A stop that is heard of while the run sells without Postgres, which answers again.
        ("time.holding#1: STOP", "log.claim.exit#1: fail", "exit.claimed#1: DIP"),
        # A holder dies with its order: before its time, at the last moment, and with the order sent.
        ("entry.armed#1: crash",),
        ("entry.holding#1: crash", "time.before_buy#1: STOP"),
        ("exit.armed#1: freeze 30", "time.sale#1: DIP"),
    ],
)
def test_a_day_is_good_when_these_strike_together(words: tuple[str, ...]) -> None:
    assert judge(play([Fault.read(fault) for fault in words])) == []
