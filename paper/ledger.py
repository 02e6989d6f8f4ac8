"""Records for a checker: every order that got an id, and every request that made none."""

from collections import deque
from typing import Any

from paper.money import average, rupees
from paper.orders import Order

REFUSED_KEPT = 100_000


class Ledger:
    """Append-only while the process lives; orders come back from the journal."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self._refused: deque[dict[str, Any]] = deque(maxlen=REFUSED_KEPT)

    def add(self, order: Order) -> None:
        self.orders.append(order)

    def refuse(
        self, user_id: str | None, method: str, path: str, tag: str | None, status: int, received_at: float
    ) -> None:
        """Record a request that made no order; status 0 when it was never answered."""
        self._refused.append(
            {
                "user_id": user_id,
                "method": method,
                "path": path,
                "tag": tag,
                "status": status,
                "received_at": received_at,
            }
        )

    def order_rows(self, *, history: bool = False) -> list[dict[str, Any]]:
        """Return orders in order of arrival, with their current state; with every state on request."""
        orders = sorted(self.orders, key=lambda order: order.received_at)
        return [_row(order) | (_history(order) if history else {}) for order in orders]

    def refused_rows(self) -> list[dict[str, Any]]:
        return list(self._refused)


def _row(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "user_id": order.user_id,
        "tag": order.tag,
        "tradingsymbol": order.instrument.symbol,
        "transaction_type": order.side,
        "product": order.product,
        "quantity": order.quantity,
        "status": order.status,
        "filled_quantity": order.filled,
        "average_price": average(order.filled_value, order.filled),
        "order_type": order.order_type,
        "price": rupees(order.price),
        "trigger_price": rupees(order.trigger),
        "modifications": order.modifications,
        "received_at": order.received_at,
        "updated_at": order.updated_at,
        "modified_at": order.modified_at,
        "answered": order.answered,
    }


def _history(order: Order) -> dict[str, Any]:
    """Return what the order went through: `at` in epoch seconds, by the clock that orders arrive by."""
    return {
        "history": [
            {
                "at": past.at,
                "status": past.status,
                "order_type": past.order_type,
                "trigger_price": rupees(past.trigger),
                "quantity": past.quantity,
                "filled_quantity": past.filled,
            }
            for past in order.history
        ]
    }
