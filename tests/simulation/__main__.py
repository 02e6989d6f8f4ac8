"""`python -m tests.simulation`: the long exploration, or one day told in full.

python -m tests.simulation                      every pair of every kind but two hands, on all processors
python -m tests.simulation 'exit.sent#1: crash' 'place.exit#1: late 25'      one day, as a failure prints it
"""

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.checker import judge
from tests.simulation.explore import ENDINGS, FIRST_HANDS, FIRST_OF_ALL, FIRST_USUAL, USUAL, Explored, pairs
from tests.simulation.faults import Fault
from tests.simulation.play import play

PARTS = 64


def _part(job: tuple[str, int]) -> Explored:
    """Play each fault with each fault or hand after it, and each hand with each fault after it."""
    ending, part = job
    explored = pairs(ENDINGS[ending], USUAL, FIRST_OF_ALL, part, PARTS, whole=True)
    explored.add(pairs(ENDINGS[ending], FIRST_HANDS, FIRST_USUAL, part, PARTS, whole=True))
    return explored


def explore() -> int:
    """Play everything; print what fails; return the exit status."""
    begun = time.monotonic()
    total = Explored()
    jobs = [(ending, part) for ending in ENDINGS for part in range(PARTS)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for explored in pool.map(_part, jobs):
            total.add(explored)
            for failure in explored.failures:
                print(failure, flush=True)  # noqa: T201 - the report
    took = time.monotonic() - begun
    print(f"{total.days} days in {took:.0f} s, {len(total.points)} points, {len(total.failures)} failures")  # noqa: T201
    hands = ", ".join(f"{words} {days}" for words, days in sorted(total.hands.items()))
    print(f"hands of others: {hands}; {total.inside} days inside the window")  # noqa: T201
    return 1 if total.failures else 0


def tell(words: list[str]) -> int:
    """Play one day and tell it."""
    played = play([Fault.read(fault) for fault in words])
    for entry in played.ledger:
        print(f"{entry.at:8.2f} {entry.side:<4} {entry.what:<9} {entry.quantity} {entry.tag}")  # noqa: T201
    for row in played.rows:
        print(f"{row.key.leg} {row.attempt}: {row.status} {row.filled_quantity} {row.message}")  # noqa: T201
    for end in played.finished:
        print(f"{end.outcome}: {end.detail}")  # noqa: T201
    wrong = judge(played)
    print("\n".join([*played.alarms, *wrong]) or "nothing wrong")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(tell(sys.argv[1:]) if len(sys.argv) > 1 else explore())
