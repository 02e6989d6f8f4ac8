"""Finds the places of the broker's instrument numbers, for a whole frame at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Integers = np.ndarray[tuple[int], np.dtype[Any]]
"""One-dimensional, of any whole-number type."""
UNLISTED = 0
"""The place of every token that is not listed."""
_BITS = 16
_MULTIPLIERS = (2654435761, 2246822519, 3266489917, 668265263, 374761393, 2862933555)
"""Odd, large, without pattern; the one that separates the listed tokens best is taken."""


class TokenIndex:
    """A table of hashes that holds most tokens; those that it does not are found by bisection."""

    def __init__(self, places: Mapping[int, int]) -> None:
        listed = sorted(places.items())
        # A last one above all, so that what is bisected always has a neighbour to be compared with.
        tokens, order = zip(*listed, (2**32 - 1, UNLISTED), strict=True)
        self._tokens = np.array(tokens, np.uint32)
        self._places = np.array(order, np.int64)
        self._multiplier = max((np.uint32(one) for one in _MULTIPLIERS), key=self._separated)
        self._row = np.full(2**_BITS, len(listed), np.int64)
        self._row[self._hash(self._tokens)] = np.arange(len(self._tokens))

    def find(self, tokens: Integers) -> Integers:
        """Return the place of each token (uint32), `UNLISTED` for those that are not listed."""
        rows = self._row.take(self._hash(tokens))
        missed = np.flatnonzero(self._tokens.take(rows) != tokens)
        if len(missed):
            missing = tokens[missed]
            found = self._tokens.searchsorted(missing)
            rows[missed] = np.where(self._tokens.take(found) == missing, found, len(self._tokens) - 1)
        return self._places.take(rows)

    def _hash(self, tokens: Integers) -> Integers:
        return (tokens * self._multiplier) >> np.uint32(32 - _BITS)

    def _separated(self, multiplier: np.uint32) -> int:
        self._multiplier = multiplier
        return len(np.unique(self._hash(self._tokens)))
