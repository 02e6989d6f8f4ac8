"""Places, modifies and cancels orders, from the request to the book."""

from collections.abc import Sequence
from dataclasses import dataclass

from paper.accounts import Account
from paper.exchange import Exchange
from paper.faults import Fault, request_of
from paper.kite_error import being_processed, order_not_found
from paper.margins import additional, available, required
from paper.matching import waits_for_trigger
from paper.modification import modify
from paper.money import rupees
from paper.orders import AMO_RECEIVED, OPEN, RECEIVED, TRIGGER_PENDING, Order
from paper.protection import protect
from paper.tape import Tape
from paper.ticket import Form, Ticket, check_hours, check_prices, read_ticket

SELF_TRADE = "Order cancelled by the exchange: self trade prevention."


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
        self,
        account: Account,
        ticket: Ticket,
        received_at: float,
        faults: OrderFaults = NO_FAULTS,
        marks: Sequence[str] = (),
    ) -> Order:
        """Give a checked placement its id and send it to the book; `marks` are tags of Kite's own."""
        exchange = self._exchange
        tape = exchange.market.tape(ticket.instrument)
        order = self._order(account, ticket, received_at, tape)
        order.tags += marks
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
            if exchange.faults.any:
                self._prevent_self_trade(account, order, tape)
            exchange.book.enter(order, tape)
        exchange.touch(order)
        exchange.commit()
        return order

    def modify(self, account: Account, order_id: str, form: Form) -> str:
        """Change an open order.

        Raises KiteError: nothing was changed.
        """
        order = self.find(account, order_id)
        modify(self._exchange, account, order, form)
        return order.order_id

    def cancel(self, account: Account, order_id: str) -> str:
        """Cancel what is open, or leave a cover order by its second leg.

        Raises KiteError: nothing was cancelled.
        """
        order = self.find(account, order_id)
        if not order.is_live:
            raise being_processed("cancelled")
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
        protect(order, ticket.protection, tape.last)
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

    def _prevent_self_trade(self, account: Account, order: Order, tape: Tape) -> None:
        """Cancel the resting orders of the other side that a fault names, as of two orders of one person."""
        for resting in list(account.live.values()):
            if resting.instrument is not order.instrument or resting.side == order.side:
                continue
            if resting.status not in (OPEN, TRIGGER_PENDING):
                continue
            if self._exchange.faults.take("exchange", request_of(resting), "self_trade_cancel"):
                self._exchange.book.cancel(resting, tape, SELF_TRADE)

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
            account.check_sellable(ticket.instrument, ticket.quantity)
