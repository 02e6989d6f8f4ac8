"""Builds the order update for the WebSocket: the row, and a postback's additions."""

import hashlib

import orjson

from paper.orders import Order, row, stamp

APP_ID = 1001


def order_update(order: Order, status: str, api_secret: str) -> str:
    """Return the text frame of one change; `status` is terminal, or UPDATE for other changes."""
    moment = stamp(order.updated_at)
    checksum = hashlib.sha256((order.order_id + moment + api_secret).encode()).hexdigest()
    data = row(order) | {
        "status": status,
        "user_id": order.user_id,
        "unfilled_quantity": order.open_quantity,
        "app_id": APP_ID,
        "checksum": checksum,
    }
    return orjson.dumps({"type": "order", "data": data}).decode()
