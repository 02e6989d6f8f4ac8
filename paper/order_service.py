"""Places, modifies and cancels orders, from the request to the book."""

from dataclasses import dataclass

from paper.accounts import Account
from paper.exchange import Exchange
from paper.faults import Fault
from paper.kite_error import KiteError, bad_input, bad_order, order_not_found
from paper.limits import MODIFICATIONS, too_many_modifications
from paper.margins import additional, available, required
from paper.matching import UPDATE, waits_for_trigger
from paper.money import rupees
from paper.orders import AMO_RECEIVED, OPEN, RECEIVED, TRIGGER_PENDING, Order
from paper.protection import band_percent, protected_price, system_tag
from paper.tape import Tape
from paper.ticket import (
    NO_PROTECTION,
    ORDER_TYPES,
    Form,
    Ticket,
    check_circuit,
    check_hours,
    check_prices,
    check_quantity,
    check_stop,
    read_protection,
    read_ticket,
    tick_price,
    whole,
)

PROCESSED = "Order cannot be {} as it is being processed. Try later."
NO_SHARES = "Insufficient stock holding or there are pending sell orders for this stock. Check the orderbook"
MODIFIABLE = frozenset({OPEN, TRIGGER_PENDING, AMO_RECEIVED})


@dataclass(slots=True, frozen=True)
class OrderFaults:
    """The injected faults of one placement."""

    book: Fault | None = None
    fill: Fault | None = None


NO_FAULTS = OrderFaults()


class OrderService:
    """The order calls.

    Faults that show in the request, the listing, the price and the held shares are refused at once (400, no
    order id). Refusals of the broker's risk system, margin above all, get an id first and are REJECTED then.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        exchange.on_complete.append(self._second_leg)

    def check(self, account: Account, form: Form, variety: str) -> Ticket:
        """Read and check a placement.

        Raises KiteError: nothing was placed.
        """
        exchange = self._exchange
        ticket = read_ticket(form, variety, exchange.market, lenient=exchange.lenient)
        check_prices(ticket, exchange.market.tape(ticket.instrument))
        check_hours(ticket, exchange.calendar, exchange.clock.now())
        self._check_shares(account, ticket)
        return ticket

    def place(
        self, account: Account, ticket: Ticket, received_at: float, faults: OrderFaults = NO_FAULTS
    ) -> Order:
        """Give a checked placement its id and send it to the book."""
        exchange = self._exchange
        tape = exchange.market.tape(ticket.instrument)
        order = self._order(account, ticket, received_at, tape)
        exchange.ledger.add(order)
        self._apply_faults(order, faults)
        order.move(RECEIVED, exchange.clock.wall())
        refusal = self._risk(account, order, tape, faults)
        exchange.touch(order)
        if refusal:
            exchange.book.reject(order, tape, *refusal)
        elif ticket.variety == "amo":
            order.move(AMO_RECEIVED, exchange.clock.wall())
        else:
            exchange.book.enter(order, tape)
        exchange.touch(order)
        exchange.commit()
        return order

    def modify(self, account: Account, order_id: str, form: Form) -> str:
        """Change an open order; `quantity` is the new total.

        Raises KiteError: nothing was changed.
        """
        order = self.find(account, order_id)
        if order.status not in MODIFIABLE or order.stuck:
            raise bad_order(PROCESSED.format("modified"))
        if order.modifications >= MODIFICATIONS:
            raise too_many_modifications()
        exchange = self._exchange
        tape = exchange.market.tape(order.instrument)
        self._change(account, order, form, tape)
        order.fill_cap, order.cancel_rest = None, False
        order.modifications += 1
        order.modified = True
        self._write_modified(order)
        exchange.changed(order, UPDATE)
        if order.status != AMO_RECEIVED:
            exchange.book.attempt(order, tape, arriving=True)
        exchange.touch(order)
        exchange.commit()
        return order.order_id

    def cancel(self, account: Account, order_id: str) -> str:
        """Cancel what is open, or leave a cover order by its second leg.

        Raises KiteError: nothing was cancelled.
        """
        order = self.find(account, order_id)
        if not order.is_live:
            raise bad_order(PROCESSED.format("cancelled"))
        exchange = self._exchange
        tape = exchange.market.tape(order.instrument)
        if order.parent_id and order.variety == "co":
            order.triggered, order.price = True, 0
            exchange.book.attempt(order, tape, arriving=True)
        else:
            exchange.book.cancel(order, tape)
        exchange.touch(order)
        exchange.commit()
        return order.order_id

    def find(self, account: Account, order_id: str) -> Order:
        """Return an order of today's book.

        Raises KiteError when the account has none of that id.
        """
        order = account.orders.get(order_id)
        if order is None:
            raise order_not_found()
        return order

    def release(self, order: Order) -> None:
        """Send an after-market order to the exchange when it opens."""
        exchange = self._exchange
        exchange.book.enter(order, exchange.market.tape(order.instrument))
        exchange.touch(order)
        exchange.commit()

    def _order(self, account: Account, ticket: Ticket, received_at: float, tape: Tape) -> Order:
        exchange = self._exchange
        order_id = exchange.ids.order()
        now = exchange.clock.wall()
        order = Order(
            order_id=order_id,
            user_id=account.user_id,
            instrument=ticket.instrument,
            variety=ticket.variety,
            side=ticket.side,
            order_type=ticket.order_type,
            product=ticket.product,
            quantity=ticket.quantity,
            price=ticket.price,
            trigger=ticket.trigger,
            validity=ticket.validity,
            validity_ttl=ticket.validity_ttl,
            expires_at=now + 60 * ticket.validity_ttl if ticket.validity == "TTL" else 0.0,
            disclosed=ticket.disclosed,
            received_at=received_at,
            placed_at=now,
            session_at=exchange.clock.now(),
            day=account.day,
            guid=exchange.ids.guid(order_id),
            tag=ticket.tag,
            tags=[ticket.tag] if ticket.tag else [],
        )
        _protect(order, ticket.protection, tape.last)
        return order

    def _apply_faults(self, order: Order, faults: OrderFaults) -> None:
        if faults.book is not None:
            if faults.book.kind == "stuck_open_pending":
                order.stuck = True
            else:
                order.visible_at = self._exchange.clock.wall() + faults.book.delay
        if faults.fill is not None and faults.fill.kind != "reject_async":
            order.fill_cap = max(1, int(order.quantity * faults.fill.fraction + 1e-9))
            order.cancel_rest = faults.fill.kind == "partial_then_cancel"

    def _risk(
        self, account: Account, order: Order, tape: Tape, faults: OrderFaults
    ) -> tuple[str, str] | None:
        """Return why the risk system rejects an order that already has its id; None when it does not."""
        if faults.fill is not None and faults.fill.kind == "reject_async":
            return (
                "Order rejected by the exchange.",
                "RMS:Rule: Check circuit limit including square off order",
            )
        if order.order_type == "LIMIT" and not order.price:
            return "Price cannot be zero for a limit order.", "16283 : The order price is zero"
        if waits_for_trigger(order) and order.side == "BUY" and order.trigger <= tape.last:
            text = "Trigger price for stoploss buy orders should be higher than the last traded price"
            return text, f"RMS:{text}"
        quantity = additional(account, order.instrument, order.product, order.side, order.quantity)
        if not quantity:
            return None
        price = order.price or order.trigger or tape.last
        need = required(order.instrument, order.product, order.side, quantity, price)
        free = available(account, self._exchange.last) if need else 0
        if need <= free:
            return None
        return (
            f"Insufficient funds. Required margin is {rupees(need):.2f} but available margin is "
            f"{rupees(free):.2f}. Check the orderbook for open orders.",
            f"RMS:Margin Exceeds,Required:{rupees(need):.2f}, Available:{rupees(free):.2f} for entity "
            f"account-{account.user_id} across exchange across segment across product ",
        )

    def _second_leg(self, order: Order) -> None:
        """Place the stop of a filled cover order as an order of its own."""
        if order.variety != "co" or order.parent_id:
            return
        exchange = self._exchange
        order_id = exchange.ids.order()
        leg = Order(
            order_id=order_id,
            user_id=order.user_id,
            instrument=order.instrument,
            variety="co",
            side="SELL" if order.side == "BUY" else "BUY",
            order_type="SL-M",
            product="CO",
            quantity=order.quantity,
            price=0,
            trigger=order.trigger,
            validity="DAY",
            received_at=order.received_at,
            placed_at=exchange.clock.wall(),
            day=order.day,
            guid=exchange.ids.guid(order_id),
            parent_id=order.order_id,
            tag=order.tag,
            tags=list(order.tags),
            is_market=True,
            answered=True,
        )
        leg.move(RECEIVED, leg.placed_at)
        exchange.ledger.add(leg)
        exchange.touch(leg)
        exchange.book.enter(leg, exchange.market.tape(leg.instrument))
        exchange.touch(leg)

    def _check_shares(self, account: Account, ticket: Ticket) -> None:
        if ticket.product == "CNC" and ticket.side == "SELL":
            self._check_sellable(account.sellable(ticket.instrument), ticket.quantity)

    def _check_sellable(self, sellable: int, quantity: int) -> None:
        if quantity > sellable:
            raise KiteError(400, "HoldingException", NO_SHARES)

    def _change(self, account: Account, order: Order, form: Form, tape: Tape) -> None:
        """Check a whole modification, then write it into the order."""
        quantity = whole(form, "quantity") or order.quantity
        disclosed = whole(form, "disclosed_quantity") or order.disclosed
        order_type = form.get("order_type") or order.order_type
        price = tick_price(form["price"], order.instrument) if form.get("price") else order.price
        trigger = (
            tick_price(form["trigger_price"], order.instrument)
            if form.get("trigger_price")
            else order.trigger
        )
        validity = form.get("validity") or order.validity
        protection = read_protection(form)
        if order_type not in ORDER_TYPES or validity not in ("DAY", "IOC", "TTL"):
            raise bad_input("Invalid `order_type` or `validity`.")
        check_quantity(quantity, disclosed, order.instrument)
        if quantity <= order.filled:
            raise bad_input("Quantity cannot be below what is already filled.")
        check_circuit(price, tape, "price")
        check_circuit(trigger, tape, "trigger price")
        to_market = order_type in ("MARKET", "SL-M") and order_type != order.order_type
        if to_market and not protection and not self._exchange.lenient:
            raise bad_input(NO_PROTECTION)
        if order_type in ("SL", "SL-M") and not order.triggered and order.variety != "co":
            check_stop(order.side, order_type, price, trigger, tape.last)
        if order.product == "CNC" and order.side == "SELL" and quantity > order.quantity:
            self._check_sellable(account.sellable(order.instrument), quantity - order.quantity)
        order.quantity, order.disclosed, order.validity = quantity, disclosed, validity
        order.price, order.trigger, order.order_type = price, trigger, order_type
        if to_market:
            _protect(order, protection, tape.last)

    def _write_modified(self, order: Order) -> None:
        now = self._exchange.clock.wall()
        status = order.status
        if status == AMO_RECEIVED:
            order.move(AMO_RECEIVED, now)
            return
        for passing in ("MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED"):
            order.note(passing, now)
        order.move(TRIGGER_PENDING if waits_for_trigger(order) else OPEN, now)


def _protect(order: Order, protection: float, last: int) -> None:
    """Book a protected market order as the limit order it becomes; an unprotected one stays MARKET."""
    if order.order_type not in ("MARKET", "SL-M"):
        return
    order.is_market = True
    order.protection = protection
    order.price = 0
    if not protection:
        return
    order.tags = [tag for tag in order.tags if not tag.startswith("mktp")] + [system_tag(protection)]
    # A stop's band starts from its trigger, and is taken again from the price that triggers it.
    start = order.trigger if order.order_type == "SL-M" else last
    percent = band_percent(order.instrument, start, protection)
    order.price = protected_price(order.side, start, order.instrument.tick, percent)
    order.order_type = "LIMIT"
