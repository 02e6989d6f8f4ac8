"""A fill: one trade of one order."""

from typing import Any, NamedTuple

from paper.instruments import Instrument
from paper.money import rupees
from paper.orders import stamp


class Trade(NamedTuple):
    """Price in paise, `at` in epoch seconds."""

    trade_id: str
    order_id: str
    exchange_order_id: str
    instrument: Instrument
    product: str
    side: str
    quantity: int
    price: int
    at: float
    day: str
    # Hidden from the trade book until then, together with its order.
    visible_at: float = 0.0


def trade_row(trade: Trade) -> dict[str, Any]:
    """Return the trade book's row."""
    moment = stamp(trade.at)
    return {
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "exchange": trade.instrument.exchange,
        "tradingsymbol": trade.instrument.symbol,
        "instrument_token": trade.instrument.token,
        "product": trade.product,
        "average_price": rupees(trade.price),
        "quantity": trade.quantity,
        "exchange_order_id": trade.exchange_order_id,
        "transaction_type": trade.side,
        "fill_timestamp": moment,
        # The time of day alone, as Kite has it here and nowhere else.
        "order_timestamp": moment[11:],
        "exchange_timestamp": moment,
    }
