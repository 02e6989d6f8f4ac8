"""Mann and Whitney's test: are the times of two kinds of answers drawn alike?"""

import math
from collections.abc import Sequence

import numpy as np


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """Return how likely samples that differ so much are when both kinds are alike (two-sided, no ties)."""
    count, others = len(one), len(other)
    ranks = np.argsort(np.argsort([*one, *other])) + 1
    u = float(ranks[:count].sum()) - count * (count + 1) / 2
    spread = math.sqrt(count * others * (count + others + 1) / 12)
    return math.erfc(abs(u - count * others / 2) / spread / math.sqrt(2))
