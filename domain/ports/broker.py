"""Orders, order book, positions, holdings, quotes and margins of one account."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.broker_charges import BrokerCharges, ChargedOrder
from domain.held_shares import HeldShares, Share
from domain.listing import Listing
from domain.margin import MarginOrder
from domain.market_data import Minute
from domain.order import BrokerOrder, BrokerPosition, OrderRequest
from domain.outcome import PlaceOutcome
from domain.quote import Quote
from domain.stop_prices import StopPrices


class Broker(Protocol):
    """One account at the broker. Reads raise `BrokerUnavailable`, `LoginNeeded` or `BrokerRefused`."""

    async def place(self, order: OrderRequest, timeout: float, leave_within: float) -> PlaceOutcome:
        """Send one order, once; never raises for a broker or network failure, never retries.

        An order whose first byte has not left within `leave_within` seconds never leaves.
        """
        ...

    async def warm(self) -> None:
        """Open a connection on which the next order leaves at once; never raises, sends no request.

        Worth calling a few seconds before an order is due: an idle connection is closed again.
        """
        ...

    async def cancel(self, broker_order_id: str) -> None:
        """Ask for a cancellation. Whatever the answer, the order book decides."""
        ...

    async def modify(self, broker_order_id: str, price: Decimal) -> None:
        """Ask for a new price of a LIMIT order. Whatever the answer, the order book decides."""
        ...

    async def modify_stop(self, broker_order_id: str, stop: StopPrices | None) -> None:
        """Ask for new prices of a stop, or, with None, that it becomes a market order; its quantity stays.

        Whatever the answer, the order book decides.
        """
        ...

    async def orders(self) -> Listing[BrokerOrder]:
        """Return today's order book; ask it `covers` before taking an order for absent."""
        ...

    async def positions(self) -> Listing[BrokerPosition]:
        """Return today's net positions; ask it `covers` before taking one for zero."""
        ...

    async def holdings(self, exchange: str, symbol: str) -> int:
        """Return the shares of before today, delivered or on their way, whether or not some were sold today.

        What was sold of them today is a negative quantity in the position book.
        Raises `BrokerUnavailable` where a row that may be of this symbol cannot be read.
        """
        ...

    async def holdings_of(self, shares: Collection[Share]) -> HeldShares:
        """Return `holdings` of several shares by one question, and the ISINs of all that it lists.

        Absent is a share of which a row could not be read.
        """
        ...

    async def minutes(self, token: int, since: datetime, until: datetime) -> Sequence[Minute]:
        """Return an instrument's minutes of trading between two instants, oldest first.

        Market data that some accounts have no right to: raises `BrokerRefused` there.
        """
        ...

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by `NSE:TCS`; absent is what the broker has nothing for, or nothing readable."""
        ...

    async def margins(self) -> Decimal:
        """Return the rupees that are free for new orders of shares and derivatives; below 0 is a debt."""
        ...

    async def order_margins(self, orders: Sequence[MarginOrder]) -> Sequence[Decimal]:
        """Return the rupees that each order would block if it were placed alone now, before charges."""
        ...

    async def order_charges(self, orders: Sequence[ChargedOrder]) -> Sequence[BrokerCharges]:
        """Return what the broker says that each executed order cost, without the depository's fee."""
        ...
