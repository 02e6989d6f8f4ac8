"""Bodies of `/orders`."""

from datetime import datetime
from uuid import UUID

from api.http.bodies import ResponseBody
from api.http.fields import Money
from api.http.words import LegWord, OrderStatusWord, OrderTypeWord, ReasonWord, SideWord


class ModificationOut(ResponseBody):
    """A change of an open order's price; `confirmed_at` once the broker's order book shows it.

    `price`: the new limit, or the new trigger of a stop; null: it was to become a market order. `refused`:
    the broker has answered that it did not make it.
    """

    price: Money | None
    reason: str
    due_at: datetime
    sent_at: datetime
    confirmed_at: datetime | None
    refused: bool = False


class OrderOut(ResponseBody):
    order_id: UUID
    strategy_id: UUID
    leg: LegWord
    reason: ReasonWord | None
    attempt: int
    side: SideWord
    quantity: int | None
    filled_quantity: int
    average_price: Money | None
    status: OrderStatusWord
    order_type: OrderTypeWord
    """SL or SL-M while a stop rests at the exchange; MARKET once it was changed to sell at once."""
    price: Money | None
    """Of a LIMIT order, as it stands; null at the market, and of a stop."""
    trigger_price: Money | None
    """Of a stop that rests at the exchange: it sells once the price is there or lower."""
    modifications: list[ModificationOut]
    tag: str
    broker_order_id: str | None
    due_at: datetime | None
    sent_at: datetime | None
    acknowledged_at: datetime | None
    filled_at: datetime | None
    lateness_ms: int | None
    message: str


class OrderPage(ResponseBody):
    items: list[OrderOut]
    next: str | None
