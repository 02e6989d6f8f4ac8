"""A round of a strategy as its account's day counts it: what it bought and sold, and what it holds."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from domain.charges import NOTHING
from domain.order import Side
from domain.quote import FRESH
from domain.strategy import Product


@dataclass(frozen=True, slots=True)
class DayFill:
    """An order as far as it was filled; `price` is its average, None while the broker has not said it.

    `age`: how long ago it was last filled; `in_doubt`: it was sent and has no answer.
    """

    side: Side
    quantity: int
    price: Decimal | None
    age: timedelta = timedelta.max
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class DayRound:
    """A round of a strategy that counts for the day: what it bought and sold, and what it still holds.

    `held` leaves out shares that its user keeps; `gone` are shares that left the account without an order
    of the strategy, at a price that is not known. `price` is the last one, `price_age` how old it is.
    `in_session`: its market is open.
    """

    strategy_id: UUID
    exchange: str
    symbol: str
    product: Product
    account: str = ""
    fills: tuple[DayFill, ...] = ()
    held: int = 0
    gone: int = 0
    price: Decimal | None = None
    price_age: timedelta = timedelta.max
    in_session: bool = True

    @property
    def bought(self) -> int:
        return sum(fill.quantity for fill in self.fills if fill.side is Side.BUY)

    @property
    def sold(self) -> int:
        return sum(fill.quantity for fill in self.fills if fill.side is Side.SELL)

    @property
    def acting_price(self) -> Decimal | None:
        """Return the price by which what is held is judged: at most five seconds old.

        Shares that were bought a moment ago have the price of their fill.
        """
        if not self.in_session:
            return None
        if self.price is not None and self.price_age <= FRESH:
            return self.price
        buys = [fill for fill in self.fills if fill.side is Side.BUY and fill.quantity]
        last = min(buys, key=lambda fill: fill.age, default=None)
        return last.price if last is not None and last.age <= FRESH else None

    @property
    def gross(self) -> Decimal | None:
        """Return what it has come to before charges; None where that is not known."""
        if self.gone or any(fill.in_doubt or (fill.quantity and fill.price is None) for fill in self.fills):
            return None
        if not self.bought:
            return None if self.sold else NOTHING
        price = self.acting_price if self.held else NOTHING
        if price is None:
            return None
        cost = self._value(Side.BUY) / self.bought
        return self._value(Side.SELL) - cost * self.sold + (price - cost) * self.held

    @property
    def trades(self) -> tuple[tuple[Side, int, Decimal], ...]:
        """Return side, quantity and price of its orders, and of the sale of what it holds."""
        done = [(fill.side, fill.quantity, fill.price) for fill in self.fills if fill.quantity]
        price = self.acting_price
        ahead = [(Side.SELL, self.held, price)] if self.held else []
        return tuple((side, count, price) for side, count, price in done + ahead if price is not None)

    @property
    def lacks_price(self) -> bool:
        """Tell whether shares are held in an open market without a price that counts."""
        return self.held > 0 and self.in_session and self.acting_price is None

    def _value(self, side: Side) -> Decimal:
        found = (fill for fill in self.fills if fill.side is side and fill.price is not None)
        return sum((fill.price * fill.quantity for fill in found if fill.price is not None), NOTHING)
