"""A seeded random walk that can be evaluated at any instant.

No step is simulated: the walk is a sum of smoothed random levels, each four times slower and twice as high as
the one before (Brownian scaling), so a price costs the same after a second as after a month, an unwatched
listing costs nothing, and prices stay within a few percent of their start.
"""

import zlib

STEP_SECONDS = 0.5
LEVELS = 9
# All levels at their height together move the price by 2 %, from its start by 4 % at most.
REACH = 0.02
_UNIT = REACH / float(2**LEVELS - 1)
_MASK = 0xFFFF_FFFF_FFFF_FFFF


class Walk:
    """One instrument's walk: a pure function of seed, key and step."""

    __slots__ = ("_base", "_cells", "_key", "_start", "_tick")

    def __init__(self, seed: int, key: str, base: int, tick: int) -> None:
        self._key = (seed * 1_000_003 + zlib.crc32(key.encode())) & _MASK
        self._base = base
        self._tick = tick
        # The lattice cell each level is in: neighbouring steps share most of them.
        self._cells: list[tuple[int, float, float] | None] = [None] * LEVELS
        self._start = self._sum(0)

    def price(self, step: int) -> int:
        """Return paise on the tick grid at a step; step 0 is the listing's price."""
        moved = self._base * (1 + (self._sum(step) - self._start) * _UNIT)
        return max(self._tick, round(moved / self._tick) * self._tick)

    def _sum(self, step: int) -> float:
        total = 0.0
        for level in range(LEVELS):
            width = 1 << (2 * level)
            index = step // width
            share = (step - index * width) / width
            share = share * share * (3 - 2 * share)
            left, right = self._ends(level, index)
            total += (1 << level) * (left + (right - left) * share)
        return total

    def _ends(self, level: int, index: int) -> tuple[float, float]:
        cell = self._cells[level]
        if cell is None or cell[0] != index:
            left = _lattice(self._key, level, index)
            right = _lattice(self._key, level, index + 1)
            cell = self._cells[level] = (index, left, right)
        return cell[1], cell[2]


def _lattice(key: int, level: int, index: int) -> float:
    """Return a fixed random number in [-1, 1) for a point of a level (splitmix64)."""
    mixed = (key + index * 0x9E37_79B9_7F4A_7C15 + level * 0xD1B5_4A32_D192_ED03) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
    return ((mixed >> 11) & 0x1F_FFFF_FFFF_FFFF) / 4_503_599_627_370_496 - 1.0
