"""Describes an exit whose stop rests at the exchange as it is known now, and the actions it may need. No I/O.

`domain.protected_step` decides which of them is next.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.leg import Horizons
from domain.resting_stop import (
    RestingOrder,
    Slice,
    may_trade,
    sold,
)
from domain.stop_prices import StopPrices


class Aim(StrEnum):
    """What the day wants of its exit."""

    PROTECT = "protect"
    SELL = "sell"
    RELEASE = "release"
    """Sell nothing more: the user keeps the shares, or they are gone."""


class Bar(StrEnum):
    """Why no stop rests at the exchange where one should; the server's stop is alone."""

    HAND = "hand"
    SWEPT = "swept"
    PRICE = "price"
    PAUSE = "pause"
    TOO_OFTEN = "too often"
    FILLING = "filling"
    STORE = "store"
    BROKER = "broker"
    UNREAD = "unread"
    """The account could not be read."""
    PLACING = "placing"
    """It is being placed, or what rests there is being sold or cancelled."""


@dataclass(frozen=True, slots=True)
class ProtectedExit:
    """An exit as it is known now.

    `account`: how many of the unsold shares the account still shows, less what foreign updates have said
    since it was read; None where it was not read. `stop`: where a stop is to rest, None where none can.
    `acting`: the price for which the product's own stop sells; None for another reason. `asked_again`: the
    user wants a stop that they cancelled placed again.
    """

    bought: int
    aim: Aim
    since: datetime
    slices: tuple[Slice, ...] = ()
    account: int | None = None
    stop: StopPrices | None = None
    tick: Decimal = Decimal("0.05")
    most: int | None = None
    acting: Decimal | None = None
    entry_open: bool = False
    swept: bool = False
    asked_again: bool = False
    patient: bool = True
    """The account is still waited for, where it could not be read."""
    reachable: bool = True
    """The broker can be called with the account of the START."""
    may_write: bool = True
    """The store is there: the right to place can be taken."""
    over: bool = False
    """The market is closed, or the user has said that nothing more is to be done."""
    fill_within: timedelta = timedelta(seconds=10)
    horizons: Horizons = field(default_factory=Horizons)

    @property
    def unsold(self) -> int:
        return max(0, self.bought - sold(self.slices))

    @property
    def allowed(self) -> int:
        """Return how many shares all orders together may still sell."""
        return self.unsold if self.account is None else min(self.unsold, self.account)

    @property
    def uncovered(self) -> int:
        """Return how many of them no order may sell yet."""
        return self.allowed - may_trade(self.slices)


@dataclass(frozen=True, slots=True)
class Place:
    """Write the intent of this attempt where there is none, claim it, and send it: resting at `prices`."""

    slice: int
    attempt: int
    quantity: int
    prices: StopPrices


@dataclass(frozen=True, slots=True)
class SellRest:
    """The same at the market, for what the book proves unsold."""

    slice: int
    attempt: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Modify:
    """Claim the n-th change of an order, and ask for these prices."""

    order: RestingOrder
    number: int
    prices: StopPrices


@dataclass(frozen=True, slots=True)
class ToMarket:
    """Claim the n-th change of an order, and ask that it becomes a market order."""

    order: RestingOrder
    number: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask for its cancellation; the order book decides."""

    order: RestingOrder


@dataclass(frozen=True, slots=True)
class LookUp:
    """Look for these tags in the order book at `at`; an attempt that is past its horizon is given up."""

    orders: tuple[RestingOrder, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Follow:
    """Read the order book at `at`, or when an update comes."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Read:
    """Read the account."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done: until `at`, or until what bars it changes. The server's stop is alone."""

    why: Bar
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """No order of this exit can trade any more, and nothing more is to be sent."""

    sold: int
    left: int


Call = Place | SellRest | Modify | ToMarket | Cancel
Action = Call | LookUp | Follow | Read | Wait | Done
