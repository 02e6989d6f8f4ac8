"""A price and where it came from."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class SeenPrice:
    """A price that counted when it came.

    `tick_at` is the exchange's time, where the feed states one. `asked_at` is when REST was asked; None for a
    price from the feed.
    """

    price: Decimal
    seen_at: datetime
    tick_at: datetime | None = None
    asked_at: datetime | None = None
