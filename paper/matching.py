"""Matches orders: which rest, which trigger, which fill, and at which price."""

from collections.abc import Callable

from paper.clock import Clock
from paper.ids import Ids
from paper.market import Market
from paper.orders import (
    CANCELLED,
    COMPLETE,
    OPEN,
    OPEN_PENDING,
    REJECTED,
    TRIGGER_PENDING,
    VALIDATING,
    Order,
)
from paper.protection import to_limit
from paper.tape import Tape
from paper.trades import Trade

# What an order update says: a terminal status, or UPDATE for a part and a modification.
UPDATE = "UPDATE"
OUT_OF_RANGE = "17070 : The Price is out of the current execution range"


class MatchingEngine:
    """Matches orders against the current price; the other side is always there, one tick away.

    `on_trade` books a fill, `on_change` gets every change that Kite would report to the user. `out_of_range`
    tells whether the exchange cancels a stop at its trigger: that check comes after the trigger.
    """

    def __init__(
        self,
        market: Market,
        clock: Clock,
        ids: Ids,
        on_trade: Callable[[Order, Trade], None],
        on_change: Callable[[Order, str], None],
        out_of_range: Callable[[Order], bool],
    ) -> None:
        self._market = market
        self._clock = clock
        self._ids = ids
        self._on_trade = on_trade
        self._on_change = on_change
        self._out_of_range = out_of_range

    def enter(self, order: Order, tape: Tape) -> None:
        """Send an order that passed the risk checks to the exchange."""
        now = self._clock.wall()
        order.move(VALIDATING, now)
        if order.stuck:
            order.move(OPEN_PENDING, now)
            return
        order.exchange_order_id = self._ids.exchange_order()
        order.exchange_at = now
        order.move(OPEN_PENDING, now)
        order.move(TRIGGER_PENDING if waits_for_trigger(order) else OPEN, now)
        tape.resting[order.order_id] = order
        self.attempt(order, tape, arriving=True)
        if order.validity == "IOC" and order.status == OPEN:
            self.cancel(order, tape)

    def printed(self, tape: Tape) -> None:
        """Match everything that rests on a tape whose price has just changed."""
        if tape.resting and self._market.calendar.is_open(self._clock.now(), tape.instrument):
            for order in list(tape.resting.values()):
                self.attempt(order, tape, arriving=False)

    def attempt(self, order: Order, tape: Tape, *, arriving: bool) -> None:
        """Trigger and fill what the current price allows."""
        if waits_for_trigger(order):
            if not _crosses(order, tape.last):
                return
            self._trigger(order, tape)
            if self._out_of_range(order):
                self.cancel(order, tape, OUT_OF_RANGE)
                return
            arriving = True
        if not _is_marketable(order, tape.last):
            return
        quantity = order.open_quantity
        if order.fill_cap is not None:
            quantity = min(quantity, order.fill_cap - order.filled)
        if quantity > 0:
            self._fill(order, tape, quantity, _fill_price(order, tape, arriving))

    def cancel(self, order: Order, tape: Tape, why: str | None = None) -> None:
        """Cancel what is open; the exchange itself says why."""
        now = self._clock.wall()
        if why is None:
            order.move("CANCEL PENDING", now)
        order.status_message = order.status_message_raw = why
        order.cancelled = order.open_quantity
        order.move(CANCELLED, now)
        self.leave(order, tape)
        self._on_change(order, CANCELLED)

    def reject(self, order: Order, tape: Tape, message: str, raw: str) -> None:
        """Reject an order that already has its id."""
        order.status_message, order.status_message_raw = message, raw
        now = self._clock.wall()
        if order.status != VALIDATING:
            order.move(VALIDATING, now)
        order.move(REJECTED, now)
        self.leave(order, tape)
        self._on_change(order, REJECTED)

    def rest(self, order: Order, tape: Tape) -> None:
        """Put an order from the journal back into the book."""
        tape.resting[order.order_id] = order

    def leave(self, order: Order, tape: Tape) -> None:
        tape.resting.pop(order.order_id, None)

    def _trigger(self, order: Order, tape: Tape) -> None:
        order.triggered = True
        if order.is_market and order.protection:
            to_limit(order, tape.last)
        order.move(OPEN, self._clock.wall())

    def _fill(self, order: Order, tape: Tape, quantity: int, price: int) -> None:
        now = self._clock.wall()
        order.filled += quantity
        order.filled_value += quantity * price
        order.exchange_at = now
        trade = Trade(
            trade_id=self._ids.trade(),
            order_id=order.order_id,
            exchange_order_id=order.exchange_order_id or "",
            instrument=order.instrument,
            product=order.product,
            side=order.side,
            quantity=quantity,
            price=price,
            at=now,
            day=order.day,
            visible_at=order.visible_at,
        )
        done = order.filled == order.quantity
        order.move(COMPLETE if done else OPEN, now)
        if done:
            self.leave(order, tape)
        self._on_trade(order, trade)
        self._on_change(order, COMPLETE if done else UPDATE)
        if not done and order.cancel_rest and order.filled == order.fill_cap:
            self.cancel(order, tape)


def waits_for_trigger(order: Order) -> bool:
    """Tell whether a stop is untriggered; a cover order's trigger belongs to its second leg."""
    return bool(order.trigger) and not order.triggered and (order.variety != "co" or bool(order.parent_id))


def _crosses(order: Order, last: int) -> bool:
    return last <= order.trigger if order.side == "SELL" else last >= order.trigger


def _is_marketable(order: Order, last: int) -> bool:
    if not order.price:
        return True
    return last <= order.price if order.side == "BUY" else last >= order.price


def _fill_price(order: Order, tape: Tape, arriving: bool) -> int:
    """Return the price: an arriving order takes the other side's, a resting one fills at its limit."""
    best = tape.ask if order.side == "BUY" else tape.bid
    if not order.price:
        return best
    if not arriving:
        return order.price
    return min(order.price, best) if order.side == "BUY" else max(order.price, best)
