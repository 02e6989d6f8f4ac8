"""A broker in memory: fills, refuses, loses answers and rests orders as a test's script says."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.broker_charges import BrokerCharges, ChargedOrder
from domain.charge_schedule import FY_2026_27, Schedule
from domain.charges import ExecutedOrder, charges_of, trade_kind
from domain.errors import AccountNotConnected, BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.held_shares import HeldShares, Share
from domain.listing import Listing
from domain.margin import MarginOrder
from domain.market_data import Minute
from domain.order import FINAL, BrokerOrder, BrokerPosition, OrderRequest, OrderStatus, Side
from domain.outcome import Accepted, Cause, PlaceOutcome, Rejected, Unknown
from domain.ports import Broker, Clock
from domain.quote import Quote
from domain.refusal import Refusal
from domain.stop_prices import StopPrices
from domain.strategy import Product

AUTHORISATION = "10 quantity needs authorisation at depository."
TRIGGER_TOO_HIGH = "Trigger price for stoploss sell orders should be lower than the last traded price"
PENDING = "Insufficient stock holding or there are pending sell orders for this stock. Check the orderbook"


class Answer(StrEnum):
    """What the broker makes of the next order."""

    FILL = "fill"
    REST = "rest"
    HALF = "half"
    REFUSE = "refuse"
    REJECT = "reject"
    REJECT_LATER = "reject_later"
    AUTHORISE = "authorise"
    """Refused until the user has authorised the sale."""
    LOSE_ANSWER = "lose_answer"
    LOSE_ORDER = "lose_order"
    DEAD_LOGIN = "dead_login"


@dataclass
class MemoryBroker:
    """Implements `domain.ports.Broker` for one account. `sent` counts what reached it, placed or not.

    While there is an event for a side in `holds`, what that side asked for is done, and the answer waits for
    the event.
    """

    clock: Clock
    price: Decimal = Decimal("3500")
    previous_close: Decimal | None = None
    script: deque[Answer] = field(default_factory=deque)
    book: list[BrokerOrder] = field(default_factory=list)
    sent: list[OrderRequest] = field(default_factory=list)
    reads_fail: bool = False
    stop_moves: list[StopPrices | None] = field(default_factory=list)
    """What stops were to be changed to; None: to a market order."""
    moves: list[Decimal] = field(default_factory=list)
    """The prices that resting orders were to be changed to."""
    move_script: deque[Answer] = field(default_factory=deque)
    warmed: int = 0
    login_is_dead: bool = False
    positions_lag: bool = False
    """The position book does not show yet what the order book does."""
    held_before: int = 0
    """Shares in the account since before today."""
    before_answer: Callable[[], None] | None = None
    """Called when an order has been placed and its answer is on its way."""
    holds: dict[Side, asyncio.Event] = field(default_factory=dict)
    hidden: set[Side] = field(default_factory=set)
    """Orders that the order book does not show yet; the position book does."""
    unread_orders: frozenset[str | None] = frozenset()
    unread_positions: frozenset[str | None] = frozenset()
    """Symbols of rows that cannot be read; None for a row that says none."""
    cash: Decimal = Decimal(1_000_000)
    rates: Schedule = FY_2026_27
    charged: list[tuple[ChargedOrder, ...]] = field(default_factory=list)
    """The orders whose charges it was asked for, question by question."""
    refuses_charges: bool = False
    isins: dict[Share, str] = field(default_factory=dict)
    """What its holdings list, with their ISINs."""

    async def place(self, order: OrderRequest, timeout: float, leave_within: float) -> PlaceOutcome:
        outcome = self._take(order)
        if order.side in self.holds:
            await self.holds[order.side].wait()
        if self.before_answer is not None:
            self.before_answer()
        return outcome

    def _take(self, order: OrderRequest) -> PlaceOutcome:
        self.sent.append(order)
        answer = self.script.popleft() if self.script else Answer.FILL
        if answer is Answer.REFUSE:
            return Rejected(Cause.TRY_AGAIN, "Too many requests")
        if answer is Answer.REJECT:
            return Rejected(Cause.FINAL, "Insufficient funds")
        if answer is Answer.AUTHORISE:
            return Rejected(Cause.FINAL, AUTHORISATION, Refusal.AUTHORISE)
        if order.stop is not None and order.stop.trigger >= self.price:
            return Rejected(Cause.FINAL, TRIGGER_TOO_HIGH)
        if self.blocked_by(order):
            return Rejected(Cause.FINAL, PENDING, Refusal.PENDING_SALE)
        if answer is Answer.DEAD_LOGIN:
            return Rejected(Cause.LOGIN, "Incorrect `api_key` or `access_token`.")
        if answer is Answer.LOSE_ORDER:
            return Unknown("read timed out")
        row = self._row(order, answer)
        self.book.append(row)
        return Unknown("read timed out") if answer is Answer.LOSE_ANSWER else Accepted(row.broker_order_id)

    async def warm(self) -> None:
        self.warmed += 1

    async def cancel(self, broker_order_id: str) -> None:
        self.book = [
            replace(row, status=OrderStatus.CANCELLED)
            if row.broker_order_id == broker_order_id and row.status not in FINAL
            else row
            for row in self.book
        ]

    async def modify(self, broker_order_id: str, price: Decimal) -> None:
        self.moves.append(price)
        answer = self.move_script.popleft() if self.move_script else Answer.FILL
        if answer is Answer.REFUSE:
            raise BrokerRefused("Order cannot be modified as it is being processed. Try later.")
        if answer is not Answer.LOSE_ORDER:
            self.book = [
                replace(row, price=price)
                if row.broker_order_id == broker_order_id and row.status not in FINAL
                else row
                for row in self.book
            ]
            self.trade_at(self.price)
        if answer in (Answer.LOSE_ANSWER, Answer.LOSE_ORDER):
            raise BrokerUnavailable("read timed out")

    async def modify_stop(self, broker_order_id: str, stop: StopPrices | None) -> None:
        self.stop_moves.append(stop)
        answer = self.move_script.popleft() if self.move_script else Answer.FILL
        if answer is Answer.REFUSE:
            raise BrokerRefused("Order cannot be modified as it is being processed. Try later.")
        if answer is not Answer.LOSE_ORDER:
            self.book = [
                self._moved(row, stop)
                if row.broker_order_id == broker_order_id and row.status not in FINAL
                else row
                for row in self.book
            ]
            self.trade_at(self.price)
        if answer in (Answer.LOSE_ANSWER, Answer.LOSE_ORDER):
            raise BrokerUnavailable("read timed out")

    def _moved(self, row: BrokerOrder, stop: StopPrices | None) -> BrokerOrder:
        if stop is not None:
            return replace(row, trigger=stop.trigger, price=stop.limit) if row.waiting else row
        return replace(row, order_type="LIMIT", trigger=None, waiting=False, price=self.price)

    def trade_at(self, price: Decimal) -> None:
        """Let the price be this one: LIMIT orders and stops that it reaches are filled."""
        self.price = price
        self.book = [self._matched(row) for row in self.book]

    def _matched(self, row: BrokerOrder) -> BrokerOrder:
        if row.status in FINAL:
            return row
        if row.side is Side.SELL:
            return self._stopped(row)
        if row.price is None or row.side is not Side.BUY or row.price < self.price:
            return row
        return self._filled(row)

    def _stopped(self, row: BrokerOrder) -> BrokerOrder:
        """Trigger a stop that the price reaches, and fill what its limit lets."""
        if row.waiting and row.trigger is not None and self.price <= row.trigger:
            row = replace(row, waiting=False)
        elif row.waiting or row.order_type == "MARKET":
            return row
        return row if row.price is not None and self.price < row.price else self._filled(row)

    def _filled(self, row: BrokerOrder) -> BrokerOrder:
        return replace(
            row, status=OrderStatus.COMPLETE, filled_quantity=row.quantity, average_price=self.price
        )

    async def orders(self) -> Listing[BrokerOrder]:
        if self.login_is_dead:
            raise LoginNeeded("log in at your broker")
        if self.reads_fail:
            raise BrokerUnavailable("the order book did not come")
        return Listing(tuple(row for row in self.book if row.side not in self.hidden), self.unread_orders)

    async def positions(self) -> Listing[BrokerPosition]:
        if self.login_is_dead:
            raise LoginNeeded("log in at your broker")
        if self.reads_fail:
            raise BrokerUnavailable("the position book did not come")
        if self.positions_lag:
            return Listing()
        keys = {(row.exchange, row.symbol, row.product) for row in self.book}
        return Listing(tuple(self._position(*key) for key in keys), self.unread_positions)

    async def holdings(self, exchange: str, symbol: str) -> int:
        self._reach()
        return self.held_before

    async def holdings_of(self, shares: Collection[Share]) -> HeldShares:
        self._reach()
        found = {share: self.held_before for share in shares if share[1] not in self.unread_positions}
        return HeldShares(found, self.isins)

    def _reach(self) -> None:
        if self.reads_fail:
            raise BrokerUnavailable("the holdings did not come")

    async def minutes(self, token: int, since: datetime, until: datetime) -> Sequence[Minute]:
        return ()

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        low, high = self.price * Decimal("0.8"), self.price * Decimal("1.2")
        now = self.clock.now()
        return {name: Quote(self.price, low, high, now, self.previous_close) for name in instruments}

    async def margins(self) -> Decimal:
        self._reach_margins()
        return self.cash - self.price * (self.filled(Side.BUY) - self.filled(Side.SELL))

    async def order_margins(self, orders: Sequence[MarginOrder]) -> Sequence[Decimal]:
        self._reach_margins()
        share = {Product.CNC: Decimal(1), Product.MIS: Decimal("0.2"), Product.NRML: Decimal("0.15")}
        return [(order.price or self.price) * order.quantity * share[order.product] for order in orders]

    async def order_charges(self, orders: Sequence[ChargedOrder]) -> Sequence[BrokerCharges]:
        self._reach_margins()
        self.charged.append(tuple(orders))
        if self.refuses_charges:
            raise BrokerRefused("Invalid `tradingsymbol`.")
        return [self._cost(order) for order in orders]

    def _cost(self, order: ChargedOrder) -> BrokerCharges:
        kind = trade_kind(order.exchange, order.symbol, order.product)
        assert kind is not None
        executed = ExecutedOrder(kind, order.exchange, order.side, order.quantity, order.average_price)
        cost = charges_of([executed], self.rates)
        parts = (cost.brokerage, cost.stt, cost.exchange, cost.sebi, cost.stamp, cost.gst)
        return BrokerCharges(*parts, total=cost.total)

    def _reach_margins(self) -> None:
        if self.login_is_dead:
            raise LoginNeeded("log in at your broker")
        if self.reads_fail:
            raise BrokerUnavailable("the margins did not come")

    def sell_by_hand(self, quantity: int) -> None:
        """Sell so many shares of the first order as the user would in the broker's app."""
        first = self.book[0]
        self.book.append(
            replace(
                first,
                broker_order_id=f"by hand {len(self.book)}",
                tags=frozenset(),
                side=Side.SELL,
                quantity=quantity,
                filled_quantity=quantity,
                status=OrderStatus.COMPLETE,
            )
        )

    def offer_by_hand(self, quantity: int, price: Decimal) -> str:
        """Place a resting SELL order for shares of the first order, as the user would; return its number."""
        rests = replace(
            self.book[0],
            broker_order_id=f"by hand {len(self.book)}",
            tags=frozenset(),
            side=Side.SELL,
            quantity=quantity,
            filled_quantity=0,
            average_price=None,
            status=OrderStatus.OPEN,
            order_type="LIMIT",
            price=price,
        )
        self.book.append(rests)
        return rests.broker_order_id

    def blocked_by(self, order: OrderRequest) -> bool:
        """Tell whether the user's own resting orders leave too few shares for a sale."""
        offered = sum(row.open_quantity for row in self.book if row.side is Side.SELL and not row.tags)
        free = self.held_before + self.filled(Side.BUY) - self.filled(Side.SELL) - offered
        return order.side is Side.SELL and offered > 0 and order.quantity > free

    def filled(self, side: Side) -> int:
        """Return the shares filled on one side."""
        return sum(row.filled_quantity for row in self.book if row.side is side)

    def _position(self, exchange: str, symbol: str, product: str) -> BrokerPosition:
        bought, sold = self.filled(Side.BUY), self.filled(Side.SELL)
        return BrokerPosition(exchange, symbol, product, bought - sold, bought, sold)

    def _row(self, order: OrderRequest, answer: Answer) -> BrokerOrder:
        if order.stop is not None and answer is Answer.FILL:
            answer = Answer.REST
        if answer is Answer.FILL and order.price is not None and order.price < self.price:
            answer = Answer.REST
        status, filled = {
            Answer.REST: (OrderStatus.OPEN, 0),
            Answer.HALF: (OrderStatus.OPEN, order.quantity // 2),
            Answer.REJECT_LATER: (OrderStatus.REJECTED, 0),
        }.get(answer, (OrderStatus.COMPLETE, order.quantity))
        return BrokerOrder(
            broker_order_id=str(2042130686722629633 + len(self.book)),
            tags=frozenset({order.tag}),
            exchange=order.terms.exchange,
            symbol=order.terms.symbol,
            product=order.terms.product,
            side=order.side,
            quantity=order.quantity,
            filled_quantity=filled,
            average_price=self.price if filled else None,
            status=status,
            message="RMS: margin exceeds" if answer is Answer.REJECT_LATER else "",
            order_type=_kind(order),
            price=order.price if order.stop is None else order.stop.limit,
            trigger=None if order.stop is None else order.stop.trigger,
            waiting=order.stop is not None and status is OrderStatus.OPEN,
        )


def _kind(order: OrderRequest) -> str:
    if order.stop is not None:
        return order.stop.kind.value
    return "MARKET" if order.price is None else "LIMIT"


@dataclass
class MemoryBrokers:
    """Implements `domain.ports.Brokers`: every user has the same account; `logged_in` off needs a login.

    `connected` names the account where orders name theirs.
    """

    broker: Broker
    logged_in: bool = True
    connected: str = ""
    asked: list[UUID] = field(default_factory=list)

    async def of(self, user_id: UUID, account: str) -> Broker:
        self.asked.append(user_id)
        if account and account != self.connected:
            raise AccountNotConnected(account, self.connected or None)
        if not self.logged_in:
            raise LoginNeeded("log in at your broker")
        return self.broker

    async def login_died(self, user_id: UUID, broker: Broker) -> None:
        if broker is self.broker:
            self.logged_in = False

    def log_in(self, broker: Broker, account: str = "") -> None:
        """Give all users a new login, in whatever account."""
        self.broker, self.connected, self.logged_in = broker, account, True
