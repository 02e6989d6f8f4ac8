"""A price that the broker states over REST, and when a price may act."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

FRESH = timedelta(seconds=5)
"""A price may act while its connection was heard from, or REST answered, within this time.

The age of the last trade does not matter: a quiet share has an old price that is true.
"""


@dataclass(frozen=True, slots=True)
class Quote:
    """A last price with the circuit limits the broker states now; `seen_at` is when it arrived (aware).

    A limit of None means that the broker states none (indices). `previous_close` is that of the trading day
    before, as the exchange adjusts it for a split or a bonus; None where it is not stated, or the quote was
    read by another process.
    """

    last_price: Decimal
    lower_circuit: Decimal | None
    upper_circuit: Decimal | None
    seen_at: datetime
    previous_close: Decimal | None = None

    def fresh(self, now: datetime) -> bool:
        return now - self.seen_at <= FRESH


def believable(price: Decimal, lower: Decimal | None, upper: Decimal | None) -> bool:
    """Tell whether the exchange could have traded at `price` today: not outside its circuit limits."""
    if not price.is_finite() or price <= 0:
        return False
    return (lower is None or price >= lower) and (upper is None or price <= upper)
