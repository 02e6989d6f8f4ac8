"""A round of a strategy that is over, as its user's books keep it: what it traded, and when."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from domain.charges import NOTHING
from domain.held_shares import Share
from domain.money import PAISA
from domain.order import Side
from domain.strategy import Outcome, Product


@dataclass(frozen=True, slots=True)
class Trade:
    """One order as far as it was filled, on the exchange's day on which it was sent.

    `price` is its average in rupees, None where the broker has not said it.
    """

    side: Side
    quantity: int
    price: Decimal | None
    day: date


class RoundKey(NamedTuple):
    """Which round it is: the n-th of its strategy on a trading day, counted from 1."""

    strategy_id: UUID
    trading_day: date
    round: int


@dataclass(frozen=True, slots=True)
class FinishedRound:
    """One round of a strategy, from its START (or from buying again) to its end.

    `quantity` is what it bought; of a run that only sold what an earlier one had left, what that sold.
    `entry_price` and `exit_price` are averages: None where nothing was filled, or the price is not known.
    `outside`: shares that were gone at the broker before they were sold.
    """

    key: RoundKey
    row_id: UUID
    account: str
    exchange: str
    symbol: str
    product: Product
    outcome: Outcome
    outcome_detail: str
    quantity: int
    sold: int
    outside: int
    entry_price: Decimal | None
    exit_price: Decimal | None
    entry_lateness_ms: int | None
    exit_lateness_ms: int | None
    ended_at: datetime
    trades: tuple[Trade, ...] = field(default=())

    @property
    def gross(self) -> Decimal | None:
        """Return what the sold shares came to before charges, in rupees; None where that is not known.

        Shares that were kept have come to nothing yet. What was sold outside has a price that is not known.
        """
        if not self.sold and not self.outside:
            return NOTHING
        prices = self.entry_price, self.exit_price
        if self.outside or self.sold > self.quantity or prices[0] is None or prices[1] is None:
            return None
        return ((prices[1] - prices[0]) * self.sold).quantize(PAISA)

    @property
    def share(self) -> Share:
        """Return what it traded: exchange and symbol."""
        return self.exchange, self.symbol

    @property
    def days(self) -> tuple[date, ...]:
        """Return the days on which it traded, the first one first."""
        return tuple(sorted({trade.day for trade in self.trades}))

    def day_of(self, side: Side) -> date | None:
        """Return the first day on which it bought, or the last on which it sold; None where it did not."""
        found = [trade.day for trade in self.trades if trade.side is side]
        if not found:
            return None
        return min(found) if side is Side.BUY else max(found)

    def value(self, side: Side) -> Decimal | None:
        """Return the rupees that its purchases or its sales came to; None where a price is not known."""
        total = NOTHING
        for trade in self.trades:
            if trade.side is not side:
                continue
            if trade.price is None:
                return None
            total += trade.price * trade.quantity
        return total
