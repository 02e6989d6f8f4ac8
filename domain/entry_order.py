"""Says what order an entry would be at a last price, before it is due."""

from dataclasses import dataclass
from decimal import Decimal

from domain.strategy import Strategy


@dataclass(frozen=True, slots=True)
class EntryOrder:
    """How many shares, and at what limit; `price` is None at the market.

    `shares`: None where it takes a last price that is not known, 0 where nothing would be bought; then
    `problem` says why, without a full stop.
    """

    shares: int | None
    price: Decimal | None = None
    problem: str = ""


def entry_order(strategy: Strategy, last_price: Decimal | None, tick: Decimal | None, lot: int) -> EntryOrder:
    """Return the order that a strategy would send at this last price; None: it is not known.

    `tick` and `lot` are the symbol's: its price step, and how many shares are traded at once.
    """
    return EntryOrder(strategy.quantity)
