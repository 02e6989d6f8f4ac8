"""Defines what the broker is asked about the charges of orders, and what it answers."""

from dataclasses import dataclass
from decimal import Decimal

from domain.order import Side
from domain.strategy import Product


@dataclass(frozen=True, slots=True)
class ChargedOrder:
    """An executed order, or a part of one, whose charges are asked for; `average_price` in rupees.

    The broker charges shares by their product: CNC as delivered, MIS as bought and sold on one day.
    """

    exchange: str
    symbol: str
    product: Product
    side: Side
    quantity: int
    average_price: Decimal


@dataclass(frozen=True, slots=True)
class BrokerCharges:
    """The broker's answer for one order, in rupees, unrounded; the depository's fee is not in it."""

    brokerage: Decimal
    stt: Decimal
    exchange: Decimal
    sebi: Decimal
    stamp: Decimal
    gst: Decimal
    total: Decimal
