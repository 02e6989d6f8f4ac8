"""`python -m tests.simulation.random_days 100000`: random days, by the product and by the model."""

import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.price_model import expected
from tests.simulation.priced_day import played, random_day

AT_ONCE = 500
DAYS = 100_000


@dataclass
class Compared:
    """What a comparison saw."""

    days: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: "Compared") -> None:
        """Count what another comparison saw, too."""
        self.days += other.days
        self.outcomes += other.outcomes
        self.rounds += other.rounds
        self.differences += other.differences


def compare(first: int, days: int) -> Compared:
    """Play the days of so many seeds, and compare each with its model."""
    found = Compared()
    for seed in range(first, first + days):
        day = random_day(seed)
        done, wanted = played(day), expected(day)
        found.days += 1
        found.rounds += len(done.rounds)
        found.outcomes[done.outcome] += 1
        if done != wanted:
            found.differences.append(f"seed {seed}: {day}\n    played {done}\n    model  {wanted}")
    return found


def _part(first: int) -> Compared:
    logging.disable(logging.CRITICAL)
    return compare(first, AT_ONCE)


def main(words: list[str]) -> int:
    """Compare; print what differs; return the exit status."""
    days, begun, total = int(words[0]) if words else DAYS, time.monotonic(), Compared()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for compared in pool.map(_part, range(0, days, AT_ONCE)):
            total.add(compared)
            for difference in compared.differences:
                print(difference, flush=True)  # noqa: T201 - the report
    took = time.monotonic() - begun
    print(f"{total.days} days, {total.rounds} rounds in {took:.0f} s: {dict(total.outcomes)}")  # noqa: T201
    print(f"{len(total.differences)} differences")  # noqa: T201
    return 1 if total.differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
