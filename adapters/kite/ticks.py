"""Holds last prices as Kite's frames carry them: many at once, in arrays."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

Integers = np.ndarray[tuple[int], np.dtype[Any]]
"""One-dimensional, of any whole-number type."""

_PLACES = {3: 7, 6: 4, 12: 4}
"""Decimal places by segment, the low byte of a token: currencies 7, BSE currencies and NSE commodities 4."""
_USUAL_PLACES = 2


class Tick(NamedTuple):
    """One last price: rupees, and the exchange's time in epoch seconds where the frame carries one."""

    token: int
    price: Decimal
    at: int = 0

    @property
    def traded_at(self) -> datetime | None:
        """The exchange's timestamp, aware, UTC; None in the modes that carry none."""
        return datetime.fromtimestamp(self.at, UTC) if self.at else None


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """Implements `domain.market_data.Ticks`, in arrays; iterating gives each price as a `Tick`, exact.

    `raws` are whole numbers of the frame's smallest unit (`places`), above zero. `stamps` are epoch seconds,
    0 where there is none; None when no price has one.
    """

    tokens: Integers
    raws: Integers
    stamps: Integers | None = None

    @classmethod
    def of(cls, ticks: Iterable[Tick]) -> "Ticks":
        """Return prices given one by one; what is finer than a frame can say is cut off."""
        rows = [(tick.token, int(tick.price.scaleb(places(tick.token))), tick.at) for tick in ticks]
        tokens, raws, stamps = np.array(rows, np.int64).reshape(-1, 3).T
        return cls(tokens.astype(np.uint32), raws.astype(np.int32), stamps.astype(np.uint32))

    @classmethod
    def joined(cls, parts: Sequence["Ticks"]) -> "Ticks":
        """Return the prices of all parts, one after the other."""
        stamps = None
        if any(part.stamps is not None for part in parts):
            stamps = np.concatenate([part.stamped() for part in parts])
        return cls(
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.raws for part in parts]),
            stamps,
        )

    def stamped(self) -> Integers:
        """Return the timestamps, 0 for none."""
        return np.zeros(len(self), np.uint32) if self.stamps is None else self.stamps

    def __len__(self) -> int:
        return len(self.raws)

    def __iter__(self) -> Iterator[Tick]:
        rows = zip(self.tokens.tolist(), self.raws.tolist(), self.stamped().tolist(), strict=True)
        return (Tick(token, price(token, raw), at) for token, raw, at in rows)


NO_TICKS = Ticks(np.zeros(0, np.uint32), np.zeros(0, np.int32))


def places(token: int) -> int:
    """Return how many decimal places the whole numbers of a frame stand for."""
    return _PLACES.get(token & 0xFF, _USUAL_PLACES)


def price(token: int, raw: int) -> Decimal:
    """Return a price of a frame in rupees."""
    return Decimal(raw).scaleb(-places(token))
