"""Bodies of `/orders`."""

from datetime import datetime
from uuid import UUID

from api.http.bodies import ResponseBody
from api.http.fields import Money


class OrderOut(ResponseBody):
    order_id: UUID
    strategy_id: UUID
    leg: str
    reason: str | None
    attempt: int
    side: str
    quantity: int | None
    filled_quantity: int
    average_price: Money | None
    status: str
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
