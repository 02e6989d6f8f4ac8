"""Implements `domain.ports.Broker` over Kite Connect, for one account at Zerodha or the paper exchange."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.kite import mapping, outcomes, routes
from adapters.kite.client import KiteClient
from adapters.kite.order_charges import order_charges
from adapters.kite.paced_quotes import Pace, PacedQuotes
from adapters.kite.shared_reads import ReadPace, SharedRead
from adapters.kite.unread_rows import UnreadRows
from domain.broker_charges import BrokerCharges, ChargedOrder
from domain.held_shares import HeldShares, Share
from domain.listing import Listing
from domain.margin import MarginOrder
from domain.market_data import Minute
from domain.order import LEAVE_WITHIN, BrokerOrder, BrokerPosition, OrderRequest
from domain.outcome import PlaceOutcome
from domain.ports import Clock
from domain.quote import Quote
from domain.stop_prices import StopPrices

READ_SECONDS = 5.0
QUOTES_AT_ONCE = 500


class KiteBroker:
    """One account with one login. `login_version` identifies the login when it turns out to be dead."""

    def __init__(
        self,
        client: KiteClient,
        clock: Clock,
        login_version: int = 0,
        read_seconds: float = READ_SECONDS,
        pace: Pace = PacedQuotes,
        reads: Callable[[Clock], ReadPace] = ReadPace,
    ) -> None:
        self._client = client
        self._clock = clock
        self._read_seconds = read_seconds
        self._paced = pace(self._ask_quotes, clock)
        self._unread = UnreadRows(clock)
        self._reads = reads(clock)
        self._orders = SharedRead(self._read_orders, self._reads)
        self._positions = SharedRead(self._read_positions, self._reads)
        self._holdings = SharedRead(self._read_holdings, self._reads)
        self._margins = SharedRead(self._read_margins, self._reads)
        self.login_version = login_version
        self.answered_at = float("-inf")
        """When the broker last answered with what was asked, monotonic."""

    async def place(
        self, order: OrderRequest, timeout: float, leave_within: float = LEAVE_WITHIN
    ) -> PlaceOutcome:
        """Send one order, once; never raises for a broker or network failure, never retries.

        An order that has not left within `leave_within` seconds never leaves: the outcome is a rejection that
        may be tried again.
        """
        return outcomes.placed(await self._client.call(routes.placement(order), timeout, leave_within))

    async def warm(self) -> None:
        """Open a connection in advance, on which the next order leaves at once; never raises.

        It stays open for at least `WARM_SECONDS`, unless the broker closes it: then the order opens another.
        """
        await self._client.warm(self._read_seconds)

    async def cancel(self, broker_order_id: str) -> None:
        """Ask for a cancellation. Whatever the answer, the order book decides."""
        await self._read(routes.cancellation(broker_order_id))

    async def modify(self, broker_order_id: str, price: Decimal) -> None:
        """Ask for a new price of a LIMIT order. Whatever the answer, the order book decides.

        It leaves within `LEAVE_WITHIN` seconds or never does, as an order.
        """
        await self._read(routes.modification(broker_order_id, price), LEAVE_WITHIN)

    async def modify_stop(self, broker_order_id: str, stop: StopPrices | None) -> None:
        """Ask for new prices of a stop, or, with None, that it becomes a market order; its quantity stays.

        Whatever the answer, the order book decides. It leaves within `LEAVE_WITHIN` seconds or never does.
        """
        await self._read(routes.stop_modification(broker_order_id, stop), LEAVE_WITHIN)

    async def orders(self) -> Listing[BrokerOrder]:
        """Return today's order book: the rows that could be read, and the symbols of those that could not."""
        return await self._orders.get()

    async def _read_orders(self) -> Listing[BrokerOrder]:
        book = mapping.orders(await self._read(routes.ORDERS))
        self._unread.note("order book", book.unreadable)
        return book

    async def positions(self) -> Listing[BrokerPosition]:
        """Return today's net positions, as far as they could be read."""
        return await self._positions.get()

    async def _read_positions(self) -> Listing[BrokerPosition]:
        found = mapping.positions(await self._read(routes.POSITIONS))
        self._unread.note("position book", found.unreadable)
        return found

    async def holdings(self, exchange: str, symbol: str) -> int:
        """Return the shares of one symbol from before today, listed under NSE or BSE, delivered or not.

        Raises `BrokerUnavailable` where a row that may be of this symbol cannot be read.
        """
        return mapping.holdings(await self._holdings.get(), exchange, symbol)

    async def _read_holdings(self) -> Any:
        return await self._read(routes.HOLDINGS)

    async def holdings_of(self, shares: Collection[Share]) -> HeldShares:
        """Return the same of several shares by one question, absent what could not be read; and all ISINs."""
        return mapping.holdings_of(await self._holdings.get(), shares)

    async def minutes(self, token: int, since: datetime, until: datetime) -> Sequence[Minute]:
        """Return an instrument's minutes of trading between two instants, oldest first."""
        return mapping.minutes(await self._read(routes.minutes(token, since, until)))

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by `NSE:TCS`, under a second old.

        Instruments without a readable quote are absent.
        """
        return await self._paced.quotes(instruments)

    async def _ask_quotes(
        self, asked: list[str], leave_within: float | None = None, /
    ) -> Mapping[str, Quote]:
        batches = [asked[at : at + QUOTES_AT_ONCE] for at in range(0, len(asked), QUOTES_AT_ONCE)]
        found: dict[str, Quote] = {}
        for read in await asyncio.gather(*(self._quotes(batch, leave_within) for batch in batches)):
            found |= read
        return found

    async def _quotes(self, instruments: list[str], leave_within: float | None) -> Mapping[str, Quote]:
        data = await self._read(routes.quotes(instruments), leave_within)
        found = mapping.quotes(data, self._clock.now())
        self._unread.note("quotes", data.keys() - found.keys())
        return found

    async def margins(self) -> Decimal:
        """Return the rupees that are free for new orders of shares and derivatives, at its turn."""
        return await self._margins.get()

    async def _read_margins(self) -> Decimal:
        return mapping.margins(await self._read(routes.MARGINS))

    async def order_margins(self, orders: Sequence[MarginOrder]) -> Sequence[Decimal]:
        """Return the rupees that each order would block, at its turn."""
        await self._reads.turn()
        return mapping.order_margins(await self._read(routes.order_margins(orders)), len(orders))

    async def order_charges(self, orders: Sequence[ChargedOrder]) -> Sequence[BrokerCharges]:
        """Return what each executed order cost, at its turn."""
        await self._reads.turn()
        return order_charges(await self._read(routes.order_charges(orders)), orders)

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    async def _read(self, request: routes.KiteRequest, leave_within: float | None = None) -> Any:
        found = outcomes.read(await self._client.call(request, self._read_seconds, leave_within))
        self.answered_at = self._clock.monotonic()
        return found
