"""One account's orders at a model of the exchange: what rests, triggers, is changed, cancelled, filled, lost.

Times are tenths of a second, counted from now: what was is below zero. States are tuples, so that two ways to
one state are one.
"""

from typing import NamedTuple

WAITS, OPEN, COMPLETE, CANCELLED, REJECTED = "waits", "open", "complete", "cancelled", "rejected"
ALIVE = (WAITS, OPEN)
MARKET = 0
"""The trigger of an order that has none."""
NEVER = -2000
MODIFICATIONS = 25
OUT_OF_RANGE = "17070 : The Price is out of the current execution range"
SELF_TRADE = "self trade prevention"


class Order(NamedTuple):
    """An order as the exchange has it. `hidden`: for how long no book shows it."""

    slice: int
    number: int
    status: str
    quantity: int
    trigger: int
    filled: int = 0
    changes: int = 0
    message: str = ""
    hidden: int = 0
    far: bool = False
    """What is left of it lies beyond its limit, until it is changed."""

    @property
    def left(self) -> int:
        return self.quantity - self.filled if self.status in ALIVE else 0


class Late(NamedTuple):
    """A call that reaches the exchange later: `what` is place, move, market or cancel."""

    due: int
    what: str
    order: Order


class Exchange(NamedTuple):
    """The account at the exchange. `held`: what it holds of the shares that were bought.

    `cancels`: the next order that is triggered is cancelled; `parts`: the next that is filled is filled but
    for one share; `slow`: nothing is triggered. `wrong`: what must never be, and was.
    """

    held: int
    price: int
    orders: tuple[Order, ...] = ()
    late: tuple[Late, ...] = ()
    cancels: bool = False
    parts: bool = False
    slow: bool = False
    closed: bool = False
    wrong: str = ""

    def find(self, slice_: int, number: int) -> Order | None:
        return next((one for one in self.orders if (one.slice, one.number) == (slice_, number)), None)

    @property
    def may_sell(self) -> int:
        return sum(one.left for one in self.orders) + sum(
            late.order.quantity for late in self.late if late.what == "place"
        )

    def with_order(self, order: Order) -> "Exchange":
        rest = [one for one in self.orders if (one.slice, one.number) != (order.slice, order.number)]
        return self._replace(orders=tuple(sorted((*rest, order))))

    def placed(self, order: Order) -> "Exchange":
        """Take an order, and let it trade where the price lets it."""
        if self.find(order.slice, order.number) is not None:
            return self._replace(wrong=self.wrong or f"two orders carry the tag of {order[:2]}")
        if self.closed:
            return self.with_order(order._replace(status=REJECTED))
        return self.with_order(order).traded()

    def to_market(self, order: Order) -> "Exchange":
        found = self._changed(order)
        if found is None:
            return self
        return self.with_order(found._replace(status=OPEN, trigger=MARKET, far=False)).traded()

    def moved(self, order: Order, trigger: int) -> "Exchange":
        found = self._changed(order)
        if found is None or found.status is not WAITS:
            return self  # a limit order becomes no stop again
        return self.with_order(found._replace(trigger=trigger)).traded()

    def cancelled(self, order: Order, message: str = "") -> "Exchange":
        found = self.find(order.slice, order.number)
        if found is None or found.status not in ALIVE:
            return self
        return self.with_order(found._replace(status=CANCELLED, message=message))

    def at(self, price: int) -> "Exchange":
        return self._replace(price=price).traded()

    def traded(self) -> "Exchange":
        """Trigger and fill what the price lets trade."""
        now = self
        for one in self.orders:
            if one.status == WAITS and self.price <= one.trigger and not self.slow:
                if now.cancels:
                    now = now._replace(cancels=False).cancelled(one, OUT_OF_RANGE)
                    continue
                one = one._replace(status=OPEN)
                now = now.with_order(one)
                now = now._filled(one)
            elif one.status == OPEN and one.trigger == MARKET:
                now = now._filled(one)
        return now

    def passed(self, tenths: int) -> "Exchange":
        """Let time pass: what is late arrives, what is hidden shows."""
        if not self.late and not any(one.hidden for one in self.orders):
            return self
        orders = tuple(one._replace(hidden=max(0, one.hidden - tenths)) for one in self.orders)
        late = tuple(one._replace(due=one.due - tenths) for one in self.late)
        now = self._replace(orders=orders, late=tuple(one for one in late if one.due > 0))
        for one in late:
            if one.due <= 0:
                now = now._arrived(one)
        return now

    def _arrived(self, late: Late) -> "Exchange":
        match late.what:
            case "place":
                return self.placed(late.order)
            case "market":
                return self.to_market(late.order)
            case "move":
                return self.moved(late.order, late.order.trigger)
            case _:
                return self.cancelled(late.order)

    def _changed(self, order: Order) -> Order | None:
        found = self.find(order.slice, order.number)
        if found is None or found.status not in ALIVE or found.changes >= MODIFICATIONS:
            return None
        return found._replace(changes=found.changes + 1)

    def _filled(self, order: Order) -> "Exchange":
        if order.far:
            return self
        quantity = order.left
        if self.parts:
            order, quantity = order._replace(far=True), quantity - 1
        filled = order.filled + quantity
        status = COMPLETE if filled == order.quantity else OPEN
        done = self.with_order(order._replace(filled=filled, status=status))
        return done._replace(held=self.held - quantity, parts=False)
