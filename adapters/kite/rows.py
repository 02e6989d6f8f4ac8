"""The broker's rows in our words. A row that cannot be read raises: a list is never silently shorter."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from domain.errors import BrokerUnavailable
from domain.order import BrokerOrder, BrokerPosition, OrderStatus, Side
from domain.stoploss import Quote

FINAL_STATUSES = {
    "COMPLETE": OrderStatus.COMPLETE,
    "CANCELLED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
}
"""Every other status is live: Kite's documentation warns that its list is not complete."""

Row = TypeVar("Row")


class Malformed(ValueError):
    """A field is missing or of another type than the broker documents."""


def orders(data: Any) -> Sequence[BrokerOrder]:
    """Read `GET /orders`. Raises `BrokerUnavailable` where any row cannot be understood."""
    return _rows("order book", data, _order)


def positions(data: Any) -> Sequence[BrokerPosition]:
    """Read the net rows of `GET /portfolio/positions`. Raises `BrokerUnavailable`."""
    net = data.get("net") if isinstance(data, dict) else None
    return _rows("position book", net, _position)


def holdings(data: Any, exchange: str, symbol: str) -> int:
    """Read from `GET /portfolio/holdings` the shares of before today. Raises `BrokerUnavailable`.

    `t1_quantity`, bought yesterday and not delivered yet, may be sold as well. What was sold today
    (`used_quantity`) leaves `quantity` only at settlement; the position book shows it as a negative quantity,
    so it is not subtracted here a second time.
    """
    return sum(_rows("holdings", data, lambda row: _held(row, exchange, symbol)))


def quotes(data: Any, seen_at: datetime) -> Mapping[str, Quote]:
    """Read `GET /quote`. Raises `BrokerUnavailable` where any quote cannot be understood."""
    if not isinstance(data, dict):
        raise BrokerUnavailable("the broker's quotes could not be understood")
    read = _rows("quotes", list(data.values()), lambda row: _quote(row, seen_at))
    return dict(zip(data, read, strict=True))


def _rows(name: str, data: Any, one: Callable[[dict[str, Any]], Row]) -> list[Row]:
    if not isinstance(data, list):
        raise BrokerUnavailable(f"the broker's {name} could not be understood: it is not a list")
    try:
        return [one(_object(row)) for row in data]
    except Malformed as odd:
        raise BrokerUnavailable(f"a row of the broker's {name} could not be understood: {odd}") from None


def _order(row: dict[str, Any]) -> BrokerOrder:
    side = _text(row, "transaction_type")
    if side not in (Side.BUY, Side.SELL):
        raise Malformed("transaction_type is neither BUY nor SELL")
    return BrokerOrder(
        broker_order_id=_text(row, "order_id"),
        tags=_tags(row),
        exchange=_text(row, "exchange"),
        symbol=_text(row, "tradingsymbol"),
        product=_text(row, "product"),
        side=Side(side),
        quantity=_whole(row, "quantity"),
        filled_quantity=_whole(row, "filled_quantity"),
        average_price=_price_or_none(row, "average_price"),
        status=FINAL_STATUSES.get(_text(row, "status"), OrderStatus.OPEN),
        message=str(row.get("status_message") or ""),
    )


def _position(row: dict[str, Any]) -> BrokerPosition:
    return BrokerPosition(
        exchange=_text(row, "exchange"),
        symbol=_text(row, "tradingsymbol"),
        product=_text(row, "product"),
        quantity=_whole(row, "quantity"),
        day_buy_quantity=_whole(row, "day_buy_quantity"),
        day_sell_quantity=_whole(row, "day_sell_quantity"),
    )


def _held(row: dict[str, Any], exchange: str, symbol: str) -> int:
    if (_text(row, "exchange"), _text(row, "tradingsymbol")) != (exchange, symbol):
        return 0
    return _whole(row, "quantity") + _whole(row, "t1_quantity")


def _quote(row: dict[str, Any], seen_at: datetime) -> Quote:
    price = _number(row, "last_price")
    if price is None:
        raise Malformed("last_price is missing")
    return Quote(
        last_price=price,
        lower_circuit=_price_or_none(row, "lower_circuit_limit"),  # 0 or absent for indices
        upper_circuit=_price_or_none(row, "upper_circuit_limit"),
        seen_at=seen_at,
    )


def _object(row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise Malformed("it is not an object")
    return row


def _tags(row: dict[str, Any]) -> frozenset[str]:
    """Our tag is in `tag` and in `tags`; the broker's own are in `tags` only."""
    tag, tags = row.get("tag"), row.get("tags")
    if not isinstance(tag, str | None) or not isinstance(tags, list | None):
        raise Malformed("tag is no text, or tags is no list")
    return frozenset(str(word) for word in (tag, *(tags or ())) if word)


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{name} is no text")
    return value


def _whole(row: dict[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Malformed(f"{name} is no whole number")
    return value


def _price_or_none(row: dict[str, Any], name: str) -> Decimal | None:
    return _number(row, name) or None


def _number(row: dict[str, Any], name: str) -> Decimal | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(f"{name} is no number")
    number = Decimal(str(value))
    if not number.is_finite():  # Python reads NaN and Infinity from JSON
        raise Malformed(f"{name} is no number")
    return number
