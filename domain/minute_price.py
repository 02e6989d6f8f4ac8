"""Holds what a strategy's chart shows of a minute: the price, and where its stop stood."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class MinutePrice:
    """The last price that was known at `at`, a whole minute. `stop`: None while none is watched.

    For showing alone: nothing is decided by it.
    """

    at: datetime
    price: Decimal
    stop: Decimal | None
