"""One account at Zerodha, or at the paper exchange: `domain.ports.Broker` over Kite Connect."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.kite import mapping as rows
from adapters.kite import outcomes, routes
from adapters.kite.client import KiteClient
from adapters.kite.paced_quotes import Pace, PacedQuotes
from adapters.kite.unread_rows import UnreadRows
from domain.listing import Listing
from domain.order import BrokerOrder, BrokerPosition, OrderRequest
from domain.outcome import PlaceOutcome
from domain.ports import Clock
from domain.quote import Quote

READ_SECONDS = 5.0
LEAVE_WITHIN = 1.0
"""Seconds in which an order leaves or never does, where the caller does not say. It is asked for at most 2 s
after its claim, and 3 s after a claim others rely on nothing more being sent under it."""
QUOTES_AT_ONCE = 500


class KiteBroker:
    """An account with one login. `login_version` says which, for whoever hears that it is dead."""

    def __init__(
        self,
        calls: KiteClient,
        clock: Clock,
        login_version: int = 0,
        read_seconds: float = READ_SECONDS,
        pace: Pace = PacedQuotes,
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._read_seconds = read_seconds
        self._paced = pace(self._ask_quotes, clock)
        self._unread = UnreadRows(clock)
        self.login_version = login_version
        self.answered_at = float("-inf")
        """When the broker last answered with what was asked, monotonic."""

    async def place(
        self, order: OrderRequest, timeout: float, leave_within: float = LEAVE_WITHIN
    ) -> PlaceOutcome:
        """Send one order, once; never raises for what the broker or the wire does, never retries.

        An order that has not left within `leave_within` seconds never will: it is rejected, try again.
        """
        return outcomes.placed(await self._calls.call(routes.placement(order), timeout, leave_within))

    async def warm(self) -> None:
        """Have a connection ready on which the next order leaves at once; never raises.

        It stays for `WARM_SECONDS` at least, unless the broker hangs up: then the order opens another.
        """
        await self._calls.warm(self._read_seconds)

    async def cancel(self, broker_order_id: str) -> None:
        """Ask for a cancellation. Whatever comes back, the order book says what is true."""
        await self._read(routes.cancellation(broker_order_id))

    async def orders(self) -> Listing[BrokerOrder]:
        """Return today's order book: the rows that could be read, and the symbols of those that could not."""
        book = rows.orders(await self._read(routes.ORDERS))
        self._unread.note("order book", book.unreadable)
        return book

    async def positions(self) -> Listing[BrokerPosition]:
        """Return today's net positions, as far as they could be read."""
        found = rows.positions(await self._read(routes.POSITIONS))
        self._unread.note("position book", found.unreadable)
        return found

    async def holdings(self, exchange: str, symbol: str) -> int:
        """Return the shares of one symbol from before today, delivered or not, sold today or not.

        Raises `BrokerUnavailable` where a row that may be of this symbol cannot be read.
        """
        return rows.holdings(await self._read(routes.HOLDINGS), exchange, symbol)

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by `NSE:TCS`, under a second old.

        Absent is what the broker has nothing for, and what cannot be read of its answer.
        """
        return await self._paced.quotes(instruments)

    async def _ask_quotes(
        self, asked: list[str], leave_within: float | None = None, /
    ) -> Mapping[str, Quote]:
        parts = [asked[at : at + QUOTES_AT_ONCE] for at in range(0, len(asked), QUOTES_AT_ONCE)]
        found: dict[str, Quote] = {}
        for read in await asyncio.gather(*(self._quotes(part, leave_within) for part in parts)):
            found |= read
        return found

    async def _quotes(self, instruments: list[str], leave_within: float | None) -> Mapping[str, Quote]:
        data = await self._read(routes.quotes(instruments), leave_within)
        found = rows.quotes(data, self._clock.now())
        self._unread.note("quotes", data.keys() - found.keys())
        return found

    def close(self) -> None:
        """Close idle connections."""
        self._calls.close()

    async def _read(self, request: routes.KiteRequest, leave_within: float | None = None) -> Any:
        found = outcomes.read(await self._calls.call(request, self._read_seconds, leave_within))
        self.answered_at = self._clock.monotonic()
        return found
