"""The market-data port: live prices and quotes of one account, whatever broker they come from.

Prices cross the port in columns, many at once: an object for each tick would cost more than judging it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from domain.quote import Quote

HIGHEST = 2**31 - 1
"""The highest price in a column: columns are read as 32-bit numbers with a sign."""

Quotes = Callable[[Sequence[str]], Awaitable[Mapping[str, Quote]]]
"""Returns quotes by `NSE:TCS` over REST; raises as `domain.ports.Broker.quotes` does."""


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of an instrument's trading: when it began, and its highest price."""

    begins: datetime
    high: Decimal


Minutes = Callable[[int, datetime, datetime], Awaitable[Sequence[Minute]]]
"""Returns the minutes of a token between two instants over REST, oldest first; raises as quotes do."""


class Column(Protocol):
    """Whole numbers of one width, in an array that numpy reads without copying it."""

    def __len__(self) -> int: ...

    def __array__(self) -> Any: ...


class Ticks(Protocol):
    """Prices in the order they came: columns of one length.

    `tokens` (uint32) are the broker's instrument numbers. `raws` (int32) are prices from 1 to `HIGHEST`, in
    the unit that `MarketData.places` states. `stamps` (uint32) are the exchange's epoch seconds, 0 where a
    price has none; None when no price has one.
    """

    @property
    def tokens(self) -> Column: ...

    @property
    def raws(self) -> Column: ...

    @property
    def stamps(self) -> Column | None: ...

    def __len__(self) -> int: ...


class PriceReceiver(Protocol):
    """Takes what a feed says. Called from the event loop; must be quick and must not block."""

    def on_ticks(self, ticks: Ticks) -> None:
        """Take prices in the order they came: everything that had arrived, one frame or many."""
        ...

    def on_alive(self, tokens: Collection[int]) -> None:
        """A connection for these tokens was made; what they did before it is not known."""
        ...

    def on_lost(self, tokens: Collection[int], reason: str) -> None:
        """The connection for these tokens is gone; their last prices may not act any more."""
        ...

    def on_order(self, tags: Collection[str]) -> None:
        """An order of this account moved that has these tags: a hint to read the books, never a fact."""
        ...


class PriceFeed(Protocol):
    """Live prices of one account. It reconnects for ever; a receiver that raises does not end it."""

    @property
    def attempted(self) -> bool:
        """Tell whether it has tried to connect for everything that is watched."""
        ...

    @property
    def down(self) -> str | None:
        """Say why nothing comes, in words for a person; None while everything watched is connected."""
        ...

    @property
    def age(self) -> float | None:
        """Return the seconds since it was last heard; None while nothing is watched."""
        ...

    def use(self, connections: int) -> None:
        """Have at most so many of the account's connections: other listeners may have the rest."""
        ...

    def watch(self, tokens: Collection[int]) -> None:
        """Subscribe to exactly these tokens from now on, whatever happens to the connections."""
        ...

    def alive(self, token: int) -> bool:
        """Tell whether this token's prices come over a connection that was heard from within 5 s."""
        ...

    async def run(self) -> None:
        """Keep connected until cancelled."""
        ...


class MarketData(Protocol):
    """The prices of one account at its broker."""

    @property
    def key(self) -> str:
        """Name the account among those of this listener."""
        ...

    @property
    def connections(self) -> int:
        """Return how many feed connections the broker allows for the account."""
        ...

    @property
    def quotes(self) -> Quotes:
        """Return what asks for quotes over REST."""
        ...

    @property
    def minutes(self) -> Minutes:
        """Return what asks for the minutes of an instrument over REST."""
        ...

    def places(self, token: int) -> int:
        """Return how many decimal places the whole numbers of this token's prices stand for."""
        ...

    def feed(self, receiver: PriceReceiver) -> PriceFeed:
        """Make a feed that speaks to the receiver once it runs."""
        ...
