"""Converts the broker's rows to domain objects. An unreadable row is left out and known to be missing.

Each list is a `Listing`: the rows that were read, and the symbols of those that were not. An order needs few
fields to be followed; a position, a holding or a quote with one odd field is not used at all.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from adapters.kite.refusal_texts import kind_of, plain
from domain.errors import BrokerUnavailable
from domain.listing import Listing
from domain.order import BrokerOrder, BrokerPosition, OrderStatus, Side
from domain.quote import Quote

FINAL_STATUSES = {
    "COMPLETE": OrderStatus.COMPLETE,
    "CANCELLED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
}
"""Every other status is live: Kite's documentation warns that its list is not complete."""

Row = TypeVar("Row")


class Malformed(ValueError):
    """A field is missing or of another type than the broker documents."""


def orders(data: Any) -> Listing[BrokerOrder]:
    """Read `GET /orders`. Raises `BrokerUnavailable` where it is no list.

    A row is followed as long as its number, side, status and quantities can be read. One whose symbol,
    product or tags are odd counts as unread as well, since it proves no absence.
    """
    return _listing("order book", data, _order, _is_odd_order)


def positions(data: Any) -> Listing[BrokerPosition]:
    """Read the net rows of `GET /portfolio/positions`. Raises `BrokerUnavailable` where they are no list."""
    net = data.get("net") if isinstance(data, dict) else None
    return _listing("position book", net, _position)


def holdings(data: Any, exchange: str, symbol: str) -> int:
    """Read from `GET /portfolio/holdings` the shares of before today.

    `t1_quantity`, bought yesterday and not delivered yet, may be sold as well. What was sold today
    (`used_quantity`) leaves `quantity` only at settlement; the position book shows it as a negative quantity,
    so it is not subtracted here a second time. Raises `BrokerUnavailable` where it is no list, or where an
    unread row may be of this share.
    """
    listed = _listing("holdings", data, lambda row: _held(row, exchange, symbol))
    if not listed.covers(symbol):
        raise BrokerUnavailable(f"a row of the broker's holdings that may be of {symbol} could not be read")
    return sum(listed)


def quotes(data: Any, seen_at: datetime) -> Mapping[str, Quote]:
    """Read `GET /quote`; a quote that cannot be read is absent, as is one the broker has nothing for.

    Raises `BrokerUnavailable` where the answer is no set of quotes at all.
    """
    if not isinstance(data, dict) or (data and not any(":" in name for name in data)):
        raise BrokerUnavailable("the broker's quotes could not be understood")
    found: dict[str, Quote] = {}
    for name, row in data.items():
        with suppress(Malformed):
            found[name] = _quote(_object(row), seen_at)
    return found


def _listing(
    name: str,
    data: Any,
    one: Callable[[dict[str, Any]], Row],
    odd: Callable[[dict[str, Any]], bool] = lambda row: False,
) -> Listing[Row]:
    if not isinstance(data, list):
        raise BrokerUnavailable(f"the broker's {name} could not be understood: it is not a list")
    read: list[Row] = []
    unread: set[str | None] = set()
    for row in data:
        try:
            read.append(one(_object(row)))
        except Malformed:
            unread.add(_symbol(row))
        else:
            if odd(row):
                unread.add(_symbol(row))
    return Listing(tuple(read), frozenset(unread))


def _symbol(row: Any) -> str | None:
    """Return the symbol of an unread row, None where it names none."""
    symbol = row.get("tradingsymbol") if isinstance(row, dict) else None
    return symbol if isinstance(symbol, str) and symbol else None


def _order(row: dict[str, Any]) -> BrokerOrder:
    side = _text(row, "transaction_type")
    if side not in (Side.BUY, Side.SELL):
        raise Malformed("transaction_type is neither BUY nor SELL")
    quantity, filled = _whole(row, "quantity"), _whole(row, "filled_quantity")
    if not 0 <= filled <= quantity:
        raise Malformed("filled_quantity is not between 0 and quantity")
    status = FINAL_STATUSES.get(_text(row, "status"), OrderStatus.OPEN)
    message = _message(row)
    return BrokerOrder(
        broker_order_id=_text(row, "order_id"),
        tags=_tags(row),
        exchange=_text_or_empty(row, "exchange"),
        symbol=_text_or_empty(row, "tradingsymbol"),
        product=_text_or_empty(row, "product"),
        side=Side(side),
        quantity=quantity,
        filled_quantity=filled,
        average_price=_known_price(row, "average_price"),
        status=status,
        message=message,
        refusal=kind_of(None, message) if status is OrderStatus.REJECTED else None,
        order_type=plain(_text_or_empty(row, "order_type")),
        price=_known_price(row, "price"),
    )


def _is_odd_order(row: dict[str, Any]) -> bool:
    """Tell whether a row that is followed may still hide its instrument or its tag."""
    named = all(_text_or_empty(row, name) for name in ("exchange", "tradingsymbol", "product"))
    return not named or not _tags_are_whole(row)


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
    tags = row.get("tags")
    words = (row.get("tag"), *(tags if isinstance(tags, list) else ()))
    return frozenset(word for word in words if isinstance(word, str) and word)


def _tags_are_whole(row: dict[str, Any]) -> bool:
    tag, tags = row.get("tag"), row.get("tags")
    return isinstance(tag, str | None) and (
        tags is None or (isinstance(tags, list) and all(isinstance(word, str) for word in tags))
    )


def _message(row: dict[str, Any]) -> str:
    message = row.get("status_message")
    return plain(message) if isinstance(message, str) else ""


def _known_price(row: dict[str, Any], name: str) -> Decimal | None:
    """Return a price, None where there is none or it cannot be read: the row counts all the same."""
    try:
        price = _price_or_none(row, name)
    except Malformed:
        return None
    return price if price is None or price > 0 else None


def _text(row: dict[str, Any], name: str) -> str:
    value = _text_or_empty(row, name)
    if not value:
        raise Malformed(f"{name} is no text")
    return value


def _text_or_empty(row: dict[str, Any], name: str) -> str:
    """Return a text, empty where it is none."""
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _whole(row: dict[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 10.0 is 10
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
