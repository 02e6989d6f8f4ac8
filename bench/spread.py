"""Percentiles and ratios over samples in which some never arrived."""

import math
from collections.abc import Sequence

Samples = Sequence[float | None]
"""One value per thing that should have happened; None for one that never did."""


def percentile(samples: Samples, share: float) -> float | None:
    """Return the value that `share` of all stay at or below (nearest rank).

    What never happened counts as later than everything: None when the rank falls on it, and for no samples.
    """
    if not samples:
        return None
    ordered = sorted(math.inf if value is None else value for value in samples)
    found = ordered[max(0, math.ceil(share * len(ordered)) - 1)]
    return None if math.isinf(found) else found


def most(samples: Samples) -> float | None:
    """Return the largest of those that happened."""
    return max((value for value in samples if value is not None), default=None)


def count_over(samples: Samples, limit: float) -> int:
    """Return how many came later than `limit`, or never."""
    return sum(value is None or value > limit for value in samples)


def missing(samples: Samples) -> int:
    """Return how many never happened."""
    return sum(value is None for value in samples)


def ratio(ours: float | None, theirs: float | None, *, more_is_better: bool = False) -> float | None:
    """Return how many times better ours is; None where one of them is unknown or nothing."""
    if ours is None or theirs is None or ours <= 0 or theirs <= 0:
        return None
    return ours / theirs if more_is_better else theirs / ours


def steps(samples: Samples, most_points: int = 400) -> tuple[list[float], list[float]]:
    """Return the empirical distribution, x ascending and y in (0, 1], thinned to what a chart can show.

    What never happened keeps the curve below 1.
    """
    ordered = sorted(value for value in samples if value is not None)
    ranks = range(len(ordered))
    if len(ordered) > most_points:
        step = (len(ordered) - 1) / (most_points - 1)
        ranks = sorted({round(number * step) for number in range(most_points)})  # type: ignore[assignment]
    return [ordered[rank] for rank in ranks], [(rank + 1) / len(samples) for rank in ranks]
