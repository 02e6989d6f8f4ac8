"""Reads `POST /charges/orders`, which Kite calls a virtual contract note: what orders cost, by part."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from adapters.kite.fields import Malformed, an_object, quantity, rupees, text
from domain.broker_charges import BrokerCharges, ChargedOrder
from domain.errors import BrokerUnavailable


def order_charges(data: Any, orders: Sequence[ChargedOrder]) -> tuple[BrokerCharges, ...]:
    """Return the charges of each order. Raises `BrokerUnavailable` where one is missing or unreadable."""
    try:
        if not isinstance(data, list) or len(data) != len(orders):
            raise Malformed("they are not one for each order")
        return tuple(_charges(an_object(row), order) for row, order in zip(data, orders, strict=True))
    except Malformed as odd:
        raise BrokerUnavailable(f"the broker's charges could not be understood: {odd}") from None


def _charges(row: dict[str, Any], order: ChargedOrder) -> BrokerCharges:
    named = text(row, "tradingsymbol"), text(row, "transaction_type"), quantity(row, "quantity")
    if named != (order.symbol, order.side.value, order.quantity):
        raise Malformed("one is of another order")
    charges = an_object(row.get("charges"))
    return BrokerCharges(
        brokerage=_owed(charges, "brokerage"),
        stt=_owed(charges, "transaction_tax"),
        exchange=_owed(charges, "exchange_turnover_charge"),
        sebi=_owed(charges, "sebi_turnover_charge"),
        stamp=_owed(charges, "stamp_duty"),
        gst=_owed(an_object(charges.get("gst")), "total"),
        total=_owed(charges, "total"),
    )


def _owed(charges: dict[str, Any], name: str) -> Decimal:
    owed = rupees(charges, name)
    if owed < 0:
        raise Malformed(f"{name} is below zero")
    return owed
