"""Trades one share of one symbol in one account, one call after the other, and reads what came of it.

Every order has a tag of its own, which does not look like the product's: workers take it for the user's.
What was sent and never answered is found by its tag.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.kite import mapping, outcomes, routes
from adapters.kite.broker import READ_SECONDS
from adapters.kite.fields import text_or_empty
from adapters.kite.recording import RecordingClient
from adapters.kite.reply import Reply
from domain.errors import BrokerUnavailable
from domain.instrument import Instrument
from domain.order import CALL_DEADLINE, FINAL, LEAVE_WITHIN, BrokerOrder, OrderRequest, OrderTerms, Side
from domain.outcome import Accepted, Cause, Rejected
from domain.ports import Clock
from domain.quote import Quote
from domain.stop_prices import StopPrices
from domain.strategy import Product

ONE = 1
"""Shares of each order."""
TRIES = 4
"""How often a reading is asked for, a second apart: other processes may read with the same login."""
AGAIN_AFTER = 0.4
"""Seconds between two looks at the order book."""


@dataclass(slots=True)
class Sent:
    """An order that was sent. `refused`: the broker certainly did not place it. `number`: where known."""

    tag: str
    side: Side
    what: str
    number: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """An order as the book shows it: as this product reads it, and as it was written."""

    order: BrokerOrder
    raw: Mapping[str, Any]

    @property
    def number(self) -> str:
        return self.order.broker_order_id

    @property
    def status(self) -> str:
        return text_or_empty(dict(self.raw), "status")

    @property
    def is_over(self) -> bool:
        return self.order.status in FINAL


@dataclass(frozen=True, slots=True)
class Holding:
    """What the account has of the symbol: the net of today's positions, and shares of before today."""

    today: int
    before: int


@dataclass(slots=True)
class ProbeAccount:
    """One account. Reads raise `BrokerUnavailable`, `LoginNeeded` or `BrokerRefused`; orders never raise."""

    client: RecordingClient
    share: Instrument
    clock: Clock
    prefix: str
    sent: list[Sent] = field(default_factory=list)

    async def send(self, side: Side, what: str, stop: StopPrices | None = None) -> tuple[Sent, Reply]:
        """Send an order for one share, once: at the market, or as a stop."""
        sent = Sent(f"{self.prefix}{len(self.sent) + 1}", side, what)
        self.sent.append(sent)  # first: whatever becomes of the call, the order is looked for
        terms = OrderTerms(self.share.exchange, self.share.symbol, Product.CNC)
        outcome, reply = await self.client.place(OrderRequest(terms, side, ONE, sent.tag, stop=stop))
        sent.refused = isinstance(outcome, Rejected)
        sent.number = outcome.broker_order_id if isinstance(outcome, Accepted) else ""
        return sent, reply

    async def change(self, row: Row, stop: StopPrices | None) -> Reply:
        """Ask for other prices of a stop; with None that it sells at the market."""
        request = routes.stop_modification(row.number, stop)
        return await self.client.call(request, CALL_DEADLINE, LEAVE_WITHIN)

    async def cancel(self, row: Row) -> Reply:
        """Ask for a cancellation."""
        return await self.client.call(routes.cancellation(row.number), CALL_DEADLINE, LEAVE_WITHIN)

    async def all_rows(self) -> list[Row]:
        """Return every order of today of this symbol."""
        data = await self._read(routes.ORDERS)
        listed = mapping.orders(data)
        if not listed.covers(self.share.symbol):
            raise BrokerUnavailable("a row of the broker's order book could not be read")
        raw = {str(row.get("order_id")): row for row in data if isinstance(row, dict)}
        mine = (self.share.exchange, self.share.symbol)
        return [
            Row(order, raw.get(order.broker_order_id, {}))
            for order in listed
            if (order.exchange, order.symbol) == mine
        ]

    async def rows(self) -> list[tuple[Sent, Row]]:
        """Return the orders of this probe that the book shows."""
        found = await self.all_rows()
        return [(sent, row) for sent in self.sent for row in found if _is(row, sent)]

    async def rows_of(self, sent: Sent) -> list[Row]:
        """Return what the book shows of one order: one row, unless something is odd."""
        return [row for row in await self.all_rows() if _is(row, sent)]

    async def until(self, sent: Sent, holds: Callable[[Row], bool], seconds: float) -> Row | None:
        """Look until the order is as awaited or over, or the time is up; return its last row, if any."""
        ends = self.clock.monotonic() + seconds
        while True:
            rows = await self.rows_of(sent)
            last = rows[-1] if rows else None
            if (last is not None and (holds(last) or last.is_over)) or self.clock.monotonic() >= ends:
                return last
            await self.clock.sleep(AGAIN_AFTER)

    async def quote(self) -> Quote:
        """Return the last price with the limits of the day. Raises `BrokerUnavailable` without one."""
        found = mapping.quotes(await self._read(routes.quotes([self.share.key])), self.clock.now())
        quote = found.get(self.share.key)
        if quote is None:
            raise BrokerUnavailable(f"the broker has no price of {self.share.key}")
        return quote

    async def holding(self) -> Holding:
        """Return what the account has of the symbol, of every product."""
        net = mapping.positions(await self._read(routes.POSITIONS))
        if not net.covers(self.share.symbol):
            raise BrokerUnavailable("a row of the broker's positions could not be read")
        mine = (self.share.exchange, self.share.symbol)
        today = sum(row.quantity for row in net if (row.exchange, row.symbol) == mine)
        before = mapping.holdings(await self._read(routes.HOLDINGS), *mine)
        return Holding(today, before)

    async def _read(self, request: routes.KiteRequest) -> Any:
        for _ in range(TRIES - 1):
            try:
                return outcomes.read(await self.client.call(request, READ_SECONDS))
            except BrokerUnavailable:
                await self.clock.sleep(1)
        return outcomes.read(await self.client.call(request, READ_SECONDS))


def answer_text(reply: Reply) -> str:
    """Return an answer as expectations name it: 200 only for a success, else status and kind of error."""
    if outcomes.row_of(reply).name == "success":
        return "200"
    if reply.status is None:
        return f"no answer ({reply.failure})"
    return f"{reply.status} {reply.error_type or reply.failure or ''}".strip()


def is_refusal(reply: Reply) -> bool:
    """Tell whether the broker's rules refused what was asked; a 429 or a dead connection says nothing."""
    return outcomes.row_of(reply).order is Cause.FINAL


def _is(row: Row, sent: Sent) -> bool:
    return sent.tag in row.order.tags or bool(sent.number and row.number == sent.number)
