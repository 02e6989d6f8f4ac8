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
