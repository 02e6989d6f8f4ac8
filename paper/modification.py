"""Modifies an open order: checks the whole change, then writes it.

| from | to |
|---|---|
| SL or SL-M that waits for its trigger | SL, SL-M, LIMIT, MARKET |
| LIMIT, a stop that was triggered | LIMIT, MARKET |

A modification to MARKET or SL-M names its market protection. LIMIT and MARKET have no trigger: a stop that
becomes one enters the book at once, and is matched while the market is open. `quantity` is the new total.
An order takes 25 modifications.
"""

from typing import NamedTuple

from paper.accounts import Account
from paper.exchange import Exchange
from paper.faults import request_of
from paper.kite_error import bad_input, being_processed
from paper.limits import MODIFICATIONS, too_many_modifications
from paper.matching import UPDATE, waits_for_trigger
from paper.orders import AMO_RECEIVED, OPEN, TRIGGER_PENDING, Order
from paper.protection import protect
from paper.stops import STOPS, check_auction, check_kind, check_stop
from paper.ticket import (
    NO_PROTECTION,
    ORDER_TYPES,
    VALIDITIES,
    Form,
    check_circuit,
    check_quantity,
    read_protection,
    tick_price,
    whole,
)

MODIFIABLE = frozenset({OPEN, TRIGGER_PENDING, AMO_RECEIVED})


class Change(NamedTuple):
    """What an order becomes; prices in paise."""

    order_type: str
    quantity: int
    disclosed: int
    price: int
    trigger: int
    validity: str
    protection: float


def modify(exchange: Exchange, account: Account, order: Order, form: Form) -> None:
    """Change an open order, and match it at its new price.

    Raises KiteError: nothing was changed.
    """
    if order.status not in MODIFIABLE or order.stuck:
        raise being_processed("modified")
    if order.modifications >= MODIFICATIONS:
        raise too_many_modifications()
    change = _read(order, form)
    _check(exchange, account, order, change)
    fault = exchange.faults.take("change", request_of(order)) if exchange.faults.any else None
    if fault is not None and fault.kind == "modify_too_late":
        raise being_processed("modified")
    if fault is None:
        _write(exchange, order, change)


def _read(order: Order, form: Form) -> Change:
    """Read a form; what it does not name stays."""
    instrument = order.instrument
    order_type = form.get("order_type") or order.order_type
    rests = order_type in STOPS or order.variety == "co"
    price, trigger = order.price, order.trigger
    if form.get("price"):
        price = tick_price(form["price"], instrument)
    if form.get("trigger_price"):
        trigger = tick_price(form["trigger_price"], instrument)
    return Change(
        order_type=order_type,
        quantity=whole(form, "quantity") or order.quantity,
        disclosed=whole(form, "disclosed_quantity") or order.disclosed,
        price=price,
        trigger=trigger if rests else 0,
        validity=form.get("validity") or order.validity,
        protection=read_protection(form),
    )


def _check(exchange: Exchange, account: Account, order: Order, change: Change) -> None:
    instrument, tape = order.instrument, exchange.market.tape(order.instrument)
    if change.order_type not in ORDER_TYPES or change.validity not in VALIDITIES:
        raise bad_input("Invalid `order_type` or `validity`.")
    check_quantity(change.quantity, change.disclosed, instrument)
    if change.quantity <= order.filled:
        raise bad_input("Quantity cannot be below what is already filled.")
    if order.status != AMO_RECEIVED and exchange.calendar.in_auction(exchange.clock.now(), instrument):
        check_auction(change.order_type, change.validity, change.disclosed)
    check_circuit(change.price, tape, "price")
    check_circuit(change.trigger, tape, "trigger price")
    _check_type(order, change, lenient=exchange.lenient)
    if order.variety != "co":
        check_kind(instrument, change.order_type, change.validity)
        if change.order_type in STOPS and not order.triggered:
            check_stop(instrument, order.side, change.order_type, change.price, change.trigger, tape.last)
    if order.product == "CNC" and order.side == "SELL" and change.quantity > order.quantity:
        account.check_sellable(instrument, change.quantity - order.quantity)


def _check_type(order: Order, change: Change, *, lenient: bool) -> None:
    """Check what a change of the order type asks for."""
    if change.order_type == order.order_type:
        return
    if change.order_type in STOPS and not waits_for_trigger(order):
        raise bad_input(f"{order.order_type} orders cannot be modified to {change.order_type}.")
    if change.order_type in ("LIMIT", "SL") and not change.price:
        raise bad_input("Missing or empty field `price`")
    if change.order_type in ("MARKET", "SL-M") and not change.protection and not lenient:
        raise bad_input(NO_PROTECTION)


def _write(exchange: Exchange, order: Order, change: Change) -> None:
    tape = exchange.market.tape(order.instrument)
    is_other_type = change.order_type != order.order_type
    order.quantity, order.disclosed, order.validity = change.quantity, change.disclosed, change.validity
    order.price, order.trigger, order.order_type = change.price, change.trigger, change.order_type
    if is_other_type:
        order.is_market = False
        protect(order, change.protection, tape.last)
    order.fill_cap, order.cancel_rest = None, False
    order.modifications += 1
    order.modified = True
    order.modified_at = exchange.clock.wall()
    _note(order, order.modified_at)
    exchange.changed(order, UPDATE)
    if order.status != AMO_RECEIVED and exchange.calendar.is_open(exchange.clock.now(), order.instrument):
        exchange.book.attempt(order, tape, arriving=True)
    exchange.touch(order)
    exchange.commit()


def _note(order: Order, now: float) -> None:
    """Write the history that a modification leaves."""
    if order.status == AMO_RECEIVED:
        order.move(AMO_RECEIVED, now)
        return
    for passing in ("MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED"):
        order.note(passing, now)
    order.move(TRIGGER_PENDING if waits_for_trigger(order) else OPEN, now)
