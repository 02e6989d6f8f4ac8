"""An order, its history, and its row as Kite writes it."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from paper.clock import Stamps
from paper.instruments import Instrument
from paper.money import average, rupees

COMPLETE = "COMPLETE"
CANCELLED = "CANCELLED"
REJECTED = "REJECTED"
OPEN = "OPEN"
TRIGGER_PENDING = "TRIGGER PENDING"
OPEN_PENDING = "OPEN PENDING"
AMO_RECEIVED = "AMO REQ RECEIVED"
# Everything else is live, whatever its name.
TERMINAL = frozenset({COMPLETE, CANCELLED, REJECTED})

RECEIVED = "PUT ORDER REQ RECEIVED"
VALIDATING = "VALIDATION PENDING"

stamp = Stamps()


class Snapshot(NamedTuple):
    """One line of an order's history; prices in paise."""

    status: str
    at: float
    order_type: str
    quantity: int
    price: int
    trigger: int
    filled: int
    filled_value: int
    cancelled: int
    pending: int
    # The exchange has the order: before that its ids and times are null.
    reached: bool


@dataclass(slots=True, eq=False)
class Order:
    """One order of one account; prices in paise, instants in epoch seconds."""

    order_id: str
    user_id: str
    instrument: Instrument
    variety: str
    side: str
    order_type: str
    product: str
    quantity: int
    price: int
    trigger: int
    validity: str
    received_at: float
    placed_at: float
    day: str
    guid: str
    tag: str | None = None
    tags: list[str] = field(default_factory=list)
    validity_ttl: int = 0
    disclosed: int = 0
    parent_id: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    # Percent of the last price that a market order may run; -1 is Kite's own band, 0 none.
    protection: float = 0.0
    # What was asked for: a protected MARKET is booked as a LIMIT.
    is_market: bool = False
    status: str = RECEIVED
    status_message: str | None = None
    status_message_raw: str | None = None
    exchange_order_id: str | None = None
    exchange_at: float | None = None
    updated_at: float = 0.0
    filled: int = 0
    filled_value: int = 0
    cancelled: int = 0
    modified: bool = False
    modifications: int = 0
    modified_at: float | None = None
    triggered: bool = False
    # Faults: hidden from the books until then; how much may fill before the rest waits or is cancelled.
    visible_at: float = 0.0
    stuck: bool = False
    fill_cap: int | None = None
    cancel_rest: bool = False
    answered: bool = False
    expires_at: float = 0.0
    # The exchange's own time when it came in, for after-market orders.
    session_at: float = 0.0
    history: list[Snapshot] = field(default_factory=list)
    cached_row: bytes | None = None

    @property
    def is_live(self) -> bool:
        return self.status not in TERMINAL

    @property
    def open_quantity(self) -> int:
        return self.quantity - self.filled

    @property
    def pending(self) -> int:
        """The pending quantity: Kite keeps it on a cancel and zeroes it on a reject."""
        return 0 if self.status in (COMPLETE, REJECTED) else self.quantity - self.filled

    @property
    def signed(self) -> int:
        return 1 if self.side == "BUY" else -1

    def move(self, status: str, at: float) -> None:
        """Enter a status and write it into the history."""
        self.status = status
        self.updated_at = at
        self.note(status, at)

    def note(self, status: str, at: float) -> None:
        """Write a line of history without leaving the current status."""
        self.cached_row = None
        self.history.append(
            Snapshot(
                status,
                at,
                self.order_type,
                self.quantity,
                self.price,
                self.trigger,
                self.filled,
                self.filled_value,
                self.cancelled,
                self.pending,
                self.exchange_order_id is not None,
            )
        )


def row(order: Order) -> dict[str, Any]:
    """Return the order book's row."""
    instrument = order.instrument
    exchange_time = None if order.exchange_at is None else stamp(order.exchange_at)
    return {
        "account_id": order.user_id,
        "placed_by": order.user_id,
        "order_id": order.order_id,
        "exchange_order_id": order.exchange_order_id,
        "parent_order_id": order.parent_id,
        "status": order.status,
        "status_message": order.status_message,
        "status_message_raw": order.status_message_raw,
        "order_timestamp": stamp(order.updated_at),
        "exchange_update_timestamp": None if exchange_time is None else stamp(order.updated_at),
        "exchange_timestamp": exchange_time,
        "variety": order.variety,
        "modified": order.modified,
        "exchange": instrument.exchange,
        "tradingsymbol": instrument.symbol,
        "instrument_token": instrument.token,
        "order_type": order.order_type,
        "transaction_type": order.side,
        "validity": order.validity,
        "validity_ttl": order.validity_ttl,
        "product": order.product,
        "quantity": order.quantity,
        "disclosed_quantity": order.disclosed,
        "price": rupees(order.price),
        "trigger_price": rupees(order.trigger),
        "average_price": average(order.filled_value, order.filled),
        "filled_quantity": order.filled,
        "pending_quantity": order.pending,
        "cancelled_quantity": order.cancelled,
        "market_protection": 0,
        "meta": order.meta,
        "tag": order.tag,
        "tags": order.tags,
        "guid": order.guid,
    }


def history_rows(order: Order) -> list[dict[str, Any]]:
    """Return every status of the order; the last line is the book's row."""
    now = row(order)
    return [*(_past_row(now, past) for past in order.history[:-1]), now]


def _past_row(now: dict[str, Any], past: Snapshot) -> dict[str, Any]:
    moment = stamp(past.at)
    return now | {
        "status": past.status,
        "status_message": None,
        "status_message_raw": None,
        "exchange_order_id": now["exchange_order_id"] if past.reached else None,
        "order_timestamp": moment,
        "exchange_update_timestamp": moment if past.reached else None,
        "exchange_timestamp": moment if past.reached else None,
        "order_type": past.order_type,
        "quantity": past.quantity,
        "price": rupees(past.price),
        "trigger_price": rupees(past.trigger),
        "average_price": average(past.filled_value, past.filled),
        "filled_quantity": past.filled,
        "pending_quantity": past.pending,
        "cancelled_quantity": past.cancelled,
    }
