"""An exchange in memory, with a ledger of its own that nothing of the product ever reads.

Orders are real the moment they are placed; what the order book shows of them may come later. What happens to
an order is the answer that a fault chose for it (`tests.simulation.accounts`), else it fills at once. Its
accounts have other hands on them too: `tests.simulation.others`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.order import FINAL, OrderRequest, OrderStatus, Side
from domain.outcome import Cause, Rejected
from domain.refusal import Refusal
from domain.stop_prices import StopPrices
from domain.strategy import Product
from tests.simulation.server import Attempt, attempt_now

OURS, ANOTHER = "zerodha:OURS", "zerodha:ANOTHER"
"""The account that is connected at START, and one that the user may connect in its place."""


class Stage(Protocol):
    """What the exchange asks of the day it is part of."""

    async def passing(self, point: str) -> str:
        """Pass a point; return what is to happen there, empty for nothing."""
        ...

    def now(self) -> float: ...

    def store_now(self) -> datetime: ...

    def intent_is_written(self, tag: str) -> bool: ...


@dataclass(eq=False)
class Order:
    """An order at the exchange; `seen_from` is when the order book begins to show it."""

    order_id: str
    request: OrderRequest
    placed_at: float
    seen_from: float
    account: str = OURS
    status: OrderStatus = OrderStatus.OPEN
    filled: int = 0
    value: Decimal = Decimal(0)
    """What was filled has cost, or brought."""
    message: str = ""
    price: Decimal | None = None
    """Its limit as it stands now."""
    fills_at_cancel: bool = False
    stuck_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """What one reading of the account showed of our product, and when: all its reader could know."""

    at: float
    quantity: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: `sent`, `placed`, `filled`, `cancelled` or `rejected`, and when.

    What others do to the account is in it too: `by hand`, `converted`, `squared off`, each of one side.
    """

    at: float
    what: str
    side: Side
    tag: str
    quantity: int
    order_id: str = ""
    intended: bool = True
    """An intent with this tag was written before."""
    account: str = OURS
    look: Look | None = None
    """Of what was sent: its sender's last reading of the account."""
    price: Decimal | None = None
    """Its limit; None at the market."""


@dataclass(eq=False)
class Position:
    """One product of one account: what was bought and sold of it today."""

    buys: int = 0
    sells: int = 0

    def add(self, side: Side, quantity: int) -> None:
        if side is Side.BUY:
            self.buys += quantity
        else:
            self.sells += quantity


@dataclass(eq=False)
class Exchange:
    """The broker of one user, who has an account there, and another one."""

    stage: Stage
    epoch: datetime
    price: Decimal = Decimal(3500)
    ledger: list[Entry] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    login: int = 1
    login_dead_until: float = 0.0
    dead: dict[str, float] = field(default_factory=dict)
    """Until when a kind of read gets no answer."""
    no_price: bool = False
    unauthorised_until: float = 0.0
    """Sales are refused until then: the user has not authorised them at the depository."""
    product: Product = Product.CNC
    """Of our orders; the other one is what a conversion makes of it."""
    own: int = 0
    """Shares of before today, the user's own."""
    connected: str = OURS
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    looks: dict[Attempt | None, Look] = field(default_factory=dict)
    lot: int = 1
    refuses: str = ""
    """What every sale is refused with from now on."""
    unread: frozenset[str | None] = frozenset()
    """The symbols of rows that cannot be read, None for one without a symbol; until `unread_until`."""
    unread_until: float = 0.0
    outruns: int = 0
    """How often the price is further away already when an entry's limit, or a change of it, arrives."""

    def kill_login(self, seconds: float) -> None:
        """The access token dies; the user logs in again `seconds` later."""
        self.login += 1
        self.login_dead_until = self.stage.now() + seconds

    def write(
        self,
        what: str,
        order: OrderRequest,
        quantity: int,
        order_id: str = "",
        account: str = OURS,
        price: Decimal | None = None,
    ) -> None:
        written = self.stage.intent_is_written(order.tag)
        look = self.looks.get(attempt_now.get()) if what == "sent" else None
        limit = order.price if price is None else price
        now = self.stage.now()
        self.ledger.append(
            Entry(now, what, order.side, order.tag, quantity, order_id, written, account, look, limit)
        )

    def place(self, request: OrderRequest, hidden: float = 0, account: str = OURS) -> Order:
        now = self.stage.now()
        order = Order(str(1001 + len(self.orders)), request, now, now + hidden, account, price=request.price)
        self.orders.append(order)
        self.write("placed", request, request.quantity, order.order_id, account)
        return order

    def change(self, order: Order, price: Decimal) -> None:
        """Change an open order's limit, and fill it where the price is there."""
        order.price = price
        self.write("moved", order.request, order.request.quantity, order.order_id, order.account, price)
        if self.reaches(order):
            self.fill(order, order.request.quantity)

    def reaches(self, order: Order) -> bool:
        """Tell whether the price fills an order that arrives; it may have run away by then."""
        if order.price is None:
            return True
        if self.outruns > 0 and self.price <= order.price:
            self.outruns -= 1
            self.price = order.price + 2
        return self.price <= order.price

    def fill(self, order: Order, quantity: int) -> None:
        quantity = min(quantity, order.request.quantity - order.filled)
        if order.status in FINAL or quantity <= 0:
            return
        order.filled += quantity
        order.value += quantity * self.price
        self.position(order.account, order.request.terms.product).add(order.request.side, quantity)
        self.write("filled", order.request, quantity, order.order_id, order.account)
        if order.filled == order.request.quantity:
            order.status = OrderStatus.COMPLETE

    def offer_by_hand(self, quantity: int) -> None:
        """Rest a SELL order of the user's own for so many shares."""
        if self.there(self.product) >= quantity:
            request = OrderRequest(self.orders[0].request.terms, Side.SELL, quantity, "")
            now = self.stage.now()
            self.orders.append(Order(str(1001 + len(self.orders)), request, now, now))

    def withdraw(self, *, filled: bool) -> None:
        """Let the user's own resting orders go: cancelled, or filled."""
        for order in self._offers():
            order.status = OrderStatus.COMPLETE if filled else OrderStatus.CANCELLED
            if filled:
                order.filled, request = order.request.quantity, order.request
                order.value = order.filled * self.price
                self.position(OURS, self.product).add(Side.SELL, request.quantity)
                entry = Entry(self.stage.now(), "by hand", Side.SELL, "", request.quantity, order.order_id)
                self.ledger.append(entry)

    def held_back(self, request: OrderRequest) -> Rejected | None:
        """Return why a sale is refused for good; None where it is taken."""
        if request.side is not Side.SELL:
            return None
        if self.stage.now() < self.unauthorised_until:
            words = "10 quantity needs authorisation at depository."
            return Rejected(Cause.FINAL, words, Refusal.AUTHORISE)
        offered = sum(order.request.quantity - order.filled for order in self._offers())
        if offered and request.quantity > self.there(self.product) - offered:
            words = "Insufficient stock holding or there are pending sell orders for this stock."
            return Rejected(Cause.FINAL, words, Refusal.PENDING_SALE)
        return None

    def _offers(self) -> list[Order]:
        return [order for order in self.orders if not order.request.tag and order.status not in FINAL]

    def end(self, order: Order, status: OrderStatus, message: str = "") -> None:
        if order.status in FINAL:
            return
        order.status, order.message = status, message
        self.write(status.value, order.request, order.filled, order.order_id, order.account)

    def position(self, account: str, product: str) -> Position:
        """Return the position of an account in a product, made when it is first asked for."""
        return self.positions.setdefault((account, product), Position())

    def there(self, product: Product) -> int:
        """Return how many shares our account has in a product: for CNC with those of before today."""
        position = self.position(OURS, product)
        return position.buys - position.sells + (self.own if product is Product.CNC else 0)

    def refusal_of(self, order: OrderRequest) -> str:
        """Return why the broker takes no such order, empty when it does."""
        if order.quantity % self.lot:
            return f"Quantity should be a multiple of {self.lot}"
        return self.refuses if order.side is Side.SELL else ""

    def unreadable(self) -> frozenset[str | None]:
        return self.unread if self.stage.now() < self.unread_until else frozenset()


@dataclass(eq=False)
class Account:
    """One login at the exchange: implements `domain.ports.Broker`."""

    exchange: Exchange
    login: int
    name: str = OURS

    async def place(self, order: OrderRequest, timeout: float, leave_within: float) -> PlaceOutcome:
        self.exchange.write("sent", order, order.quantity, account=self.name)
        leg = Leg.ENTRY if order.side is Side.BUY else Leg.EXIT
        await asyncio.sleep(LATENCY / 2)
        answer = await self.exchange.stage.passing(f"place.{leg}")
        if self._is_dead():
            outcome: PlaceOutcome = Rejected(Cause.LOGIN, "Incorrect `api_key` or `access_token`.")
        elif refusal := self.exchange.refusal_of(order):
            outcome = Rejected(Cause.FINAL, refusal)
        else:
            outcome = await self._answer(order, answer)
        if isinstance(outcome, Rejected):
            self.exchange.write("refused", order, order.quantity)
        await asyncio.sleep(LATENCY / 2)
        return outcome

    async def _answer(self, request: OrderRequest, answer: str) -> PlaceOutcome:
        exchange, loop = self.exchange, asyncio.get_running_loop()
        word, _, number = answer.rpartition(" ") if answer[-1:].isdigit() else (answer, "", "0")
        seconds = float(number)
        if word == "refuse":
            return Rejected(Cause.TRY_AGAIN, "Too many requests")
        if word == "reject":
            return Rejected(Cause.FINAL, "Insufficient funds")
        if word == "dead login":
            exchange.kill_login(seconds)
            return Rejected(Cause.LOGIN, "Incorrect `api_key` or `access_token`.")
        if word == "authorise":
            exchange.unauthorised_until = exchange.stage.now() + (seconds or 10_000)
        refused = exchange.held_back(request)
        if refused is not None:
            return refused
        if word == "placed later":
            loop.call_later(seconds, self._fill_late, request)
            return Unknown("Order request timed out. Please check the order book and confirm.")
        if word == "lost nothing":
            await asyncio.sleep(CALL_TIMEOUT)
            return Unknown("read timed out")
        order = exchange.place(request, hidden=seconds if word == "late" else 0, account=self.name)
        self._carry_out(order, word)
        if word in ("lost", "late"):
            await asyncio.sleep(CALL_TIMEOUT)
            return Unknown("read timed out")
        return Accepted(order.order_id)

    def _fill_late(self, request: OrderRequest) -> None:
        self.exchange.fill(self.exchange.place(request, account=self.name), request.quantity)

    def _carry_out(self, order: Order, word: str) -> None:
        exchange, loop = self.exchange, asyncio.get_running_loop()
        half, whole = order.request.quantity // 2, order.request.quantity
        if word == "reject later":
            loop.call_later(0.2, exchange.end, order, OrderStatus.REJECTED, "RMS: margin exceeds")
        elif word.startswith("half"):
            exchange.fill(order, max(half, 1))
            if word == "half then rest":
                loop.call_later(3, exchange.fill, order, whole)
            elif word == "half then gone":
                loop.call_later(2, exchange.end, order, OrderStatus.CANCELLED, "cancelled by the exchange")
        elif word == "rest then fill":
            loop.call_later(4, exchange.fill, order, whole)
        elif word == "fill at cancel":
            order.fills_at_cancel = True
        elif word == "stuck":
            order.stuck_until = exchange.stage.now() + 30
        elif word != "rest" and exchange.reaches(order):
            exchange.fill(order, whole)

    async def warm(self) -> None:
        await asyncio.sleep(LATENCY)

    async def cancel(self, broker_order_id: str) -> None:
        action = await self._pass("cancel")
        order = next(order for order in self.exchange.orders if order.order_id == broker_order_id)
        if action == "fill first" or order.fills_at_cancel:
            self.exchange.fill(order, order.request.quantity)
        if action == "refused" or order.status in FINAL:
            raise BrokerRefused("Order cannot be cancelled as it is being processed.")
        if self.exchange.stage.now() >= order.stuck_until:
            self.exchange.end(order, OrderStatus.CANCELLED)

    async def modify(self, broker_order_id: str, price: Decimal) -> None:
        action = await self._pass("modify")
        order = next(order for order in self.exchange.orders if order.order_id == broker_order_id)
        if action == "fill first":
            self.exchange.fill(order, order.request.quantity)
        if action == "refused" or order.status in FINAL:
            raise BrokerRefused("Order cannot be modified as it is being processed. Try later.")
        if action != "lost nothing":
            self.exchange.change(order, price)
        if action in ("lost", "lost nothing"):
            await asyncio.sleep(CALL_TIMEOUT)
            raise BrokerUnavailable("read timed out")

    async def modify_stop(self, broker_order_id: str, stop: StopPrices | None) -> None:
        raise BrokerRefused("This exchange has no orders that rest until a trigger.")

    async def orders(self) -> Listing[BrokerOrder]:
        await self._pass("read.orders")
        now, stage_now = self.exchange.stage.now(), self.exchange.stage.store_now()
        orders = (order for order in self.exchange.orders if order.account == self.name)
        shown = (order for order in orders if order.seen_from <= now)
        rows = (_row(order, stage_now - timedelta(seconds=now - order.placed_at)) for order in shown)
        return Listing(tuple(rows), self.exchange.unreadable())

    async def positions(self) -> Listing[BrokerPosition]:
        await self._pass("read.positions")
        exchange = self.exchange
        unread = exchange.unreadable()
        if not unread:
            exchange.looks[attempt_now.get()] = Look(exchange.stage.now(), exchange.there(exchange.product))
        mine = [(of, found) for (name, of), found in exchange.positions.items() if name == self.name]
        rows = (
            BrokerPosition("NSE", "TCS", product, found.buys - found.sells, found.buys, found.sells)
            for product, found in mine
            if found.buys or found.sells
        )
        return Listing((), unread) if unread else Listing(tuple(rows))

    async def holdings(self, exchange: str, symbol: str) -> int:
        await self._pass("read.holdings")
        return self.exchange.own

    async def holdings_of(self, shares: Collection[Share]) -> HeldShares:
        await self._pass("read.holdings")
        return HeldShares(dict.fromkeys(shares, 0))

    async def margins(self) -> Decimal:
        raise BrokerUnavailable("no order of a day asks for margins")

    async def order_margins(self, orders: Sequence[MarginOrder]) -> Sequence[Decimal]:
        raise BrokerUnavailable("no order of a day asks for margins")

    async def order_charges(self, orders: Sequence[ChargedOrder]) -> Sequence[BrokerCharges]:
        raise BrokerUnavailable("no order of a day asks for charges")

    async def minutes(self, token: int, since: datetime, until: datetime) -> Sequence[Minute]:
        return ()

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        action = await self._pass("read.quotes")
        if action == "price at the stop":
            self.exchange.price = Decimal(3400)
        if action == "no price":
            return {}
        price = self.exchange.price
        now = self.exchange.epoch + timedelta(seconds=self.exchange.stage.now())
        quote = Quote(price, Decimal(2800), Decimal(4200), now.astimezone(UTC))
        return dict.fromkeys(instruments, quote)

    async def _pass(self, point: str) -> str:
        action = await self.exchange.stage.passing(point)
        await asyncio.sleep(LATENCY)
        if self._is_dead():
            raise LoginNeeded("log in at your broker")
        if action == "fail" or self.exchange.dead.get(point, -1) > self.exchange.stage.now():
            raise BrokerUnavailable(f"{point} did not come")
        return action

    def _is_dead(self) -> bool:
        return self.login != self.exchange.login or self.exchange.stage.now() < self.exchange.login_dead_until


@dataclass(eq=False)
class Accounts:
    """Implements `domain.ports.Brokers`: a login known to be dead is not handed out again, and no account in
    place of the one that an order belongs to.
    """

    exchange: Exchange
    known_dead: int = 0
    opened: Account | None = None

    async def of(self, user_id: UUID, account: str) -> Broker:
        connected = self.exchange.connected
        if account and account != connected:
            raise AccountNotConnected(account, connected)
        renewed = self.exchange.stage.now() >= self.exchange.login_dead_until
        stored = self.exchange.login if renewed else self.exchange.login - 1
        if stored <= self.known_dead:
            raise LoginNeeded("log in at your broker")
        if self.opened is None or (self.opened.login, self.opened.name) != (stored, connected):
            self.opened = Account(self.exchange, stored, connected)
        return self.opened

    async def login_died(self, user_id: UUID, broker: Broker) -> None:
        if isinstance(broker, Account):
            self.known_dead = max(self.known_dead, broker.login)


def _row(order: Order, placed_at: datetime) -> BrokerOrder:
    request = order.request
    return BrokerOrder(
        broker_order_id=order.order_id,
        tags=frozenset({request.tag} - {""}),
        exchange=request.terms.exchange,
        symbol=request.terms.symbol,
        product=request.terms.product,
        side=request.side,
        quantity=request.quantity,
        filled_quantity=order.filled,
        average_price=order.value / order.filled if order.filled else None,
        status=order.status,
        message=order.message,
        order_type="MARKET" if order.price is None else "LIMIT",
        price=order.price,
        updated_at=placed_at,
    )
