"""Defines the margin of an order that is not placed: what the broker would block for it, and what is left."""

from dataclasses import dataclass
from decimal import Decimal

from domain.order import Side
from domain.strategy import Product


@dataclass(frozen=True, slots=True)
class MarginOrder:
    """An order whose margin is asked for; `price` is its limit, None at the market."""

    exchange: str
    symbol: str
    product: Product
    side: Side
    quantity: int
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Margin:
    """What an order needs and what the account has, both in rupees and from the broker itself."""

    required: Decimal
    available: Decimal

    @property
    def short(self) -> Decimal:
        """The rupees that are missing; 0 where there is enough."""
        return max(self.required - self.available, Decimal(0))
