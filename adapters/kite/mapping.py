"""Converts the broker's rows to domain objects. An unreadable row is left out and known to be missing.

Each list is a `Listing`: the rows that were read, and the symbols of those that were not. A position, a
holding or a quote with one odd field is not used at all. An order needs few fields to be followed, and one
that carries the product's tag is followed whatever else is wrong with it, by the weakest true reading:

| unreadable | read as |
|---|---|
| number | none: it is found by its tag |
| side | none: its leg knows it |
| status | open: what is not known to be over is looked at again |
| filled quantity | all of it where the status is COMPLETE, else what is known already, and open |
| quantity | what is filled |
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from adapters.kite.fields import (
    Malformed,
    an_object,
    id_text,
    moment_or_none,
    number,
    price_or_none,
    quantity,
    rupees,
    text,
    text_or_empty,
    whole,
)
from adapters.kite.holdings import named_isins, sellable_holdings
from adapters.kite.refusal_texts import kind_of, plain
from domain.errors import BrokerUnavailable
from domain.held_shares import HeldShares, Share
from domain.listing import Listing
from domain.market_data import Minute
from domain.money import price_of
from domain.order import FINAL, TAG_LENGTH, BrokerOrder, BrokerPosition, OrderStatus, Side
from domain.quote import Quote
from domain.stop_prices import OrderKind

FINAL_STATUSES = {
    "COMPLETE": OrderStatus.COMPLETE,
    "CANCELLED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
}
"""Every other status is live: Kite's documentation warns that its list is not complete."""
OUR_TAG = re.compile(rf"[A-Z2-7]{{{TAG_LENGTH}}}")
"""How the product's tags look (`LegKey.tag`): a user's own are seldom so long, the broker's never."""
MINUTE_FIELDS = 5
DEEPEST = 3
"""Lists within lists in which tags are looked for."""

Row = TypeVar("Row")


def orders(data: Any) -> Listing[BrokerOrder]:
    """Read `GET /orders`. Raises `BrokerUnavailable` where it is no list.

    A row whose symbol, product or tags are odd counts as unread as well, since it proves no absence. Of
    several rows with one number the one that came furthest counts.
    """
    listed = _listing("order book", data, _order, _is_odd_order)
    rows, torn = _furthest(listed)
    return Listing(rows, listed.unreadable | torn)


def positions(data: Any) -> Listing[BrokerPosition]:
    """Read the net rows of `GET /portfolio/positions`. Raises `BrokerUnavailable` where they are no list."""
    net = data.get("net") if isinstance(data, dict) else None
    return _listing("position book", net, _position)


def holdings(data: Any, exchange: str, symbol: str) -> int:
    """Read from `GET /portfolio/holdings` the shares of before today. Raises `BrokerUnavailable`."""
    return sellable_holdings(data, exchange, symbol)


def holdings_of(data: Any, shares: Collection[Share]) -> HeldShares:
    """Read the same of several shares, absent one of which a row could not be read; and all ISINs.

    Raises `BrokerUnavailable` where the answer is no list.
    """
    if not isinstance(data, list):
        raise BrokerUnavailable("the broker's holdings could not be understood: they are not a list")
    found: dict[Share, int] = {}
    for exchange, symbol in shares:
        with suppress(BrokerUnavailable):
            found[exchange, symbol] = holdings(data, exchange, symbol)
    return HeldShares(found, named_isins(data))


def quotes(data: Any, seen_at: datetime) -> Mapping[str, Quote]:
    """Read `GET /quote`; a quote that cannot be read is absent, as is one the broker has nothing for.

    Raises `BrokerUnavailable` where the answer is no set of quotes at all.
    """
    if not isinstance(data, dict) or (data and not any(":" in name for name in data)):
        raise BrokerUnavailable("the broker's quotes could not be understood")
    found: dict[str, Quote] = {}
    for name, row in data.items():
        with suppress(Malformed):
            found[name] = _quote(an_object(row), seen_at)
    return found


def margins(data: Any) -> Decimal:
    """Read `net` of `GET /user/margins/equity`, against which orders are held. Raises `BrokerUnavailable`."""
    try:
        return rupees(an_object(data), "net")
    except Malformed as odd:
        raise BrokerUnavailable(f"the broker's margins could not be understood: {odd}") from None


def order_margins(data: Any, asked: int) -> tuple[Decimal, ...]:
    """Read the total of each order of `POST /margins/orders`. Raises `BrokerUnavailable`."""
    try:
        if not isinstance(data, list) or len(data) != asked:
            raise Malformed("they are not one for each order")
        totals = tuple(rupees(an_object(row), "total") for row in data)
        if any(total < 0 for total in totals):
            raise Malformed("one is below zero")
    except Malformed as odd:
        raise BrokerUnavailable(f"the broker's order margins could not be understood: {odd}") from None
    return totals


def minutes(data: Any) -> tuple[Minute, ...]:
    """Read the candles of `GET /instruments/historical`; one that cannot be read is left out.

    Raises `BrokerUnavailable` where they are no list. A candle is `[time, open, high, low, close, volume]`.
    """
    candles = data.get("candles") if isinstance(data, dict) else None
    if not isinstance(candles, list):
        raise BrokerUnavailable("the broker's minutes could not be understood: they are not a list")
    read = (_minute(candle) for candle in candles)
    return tuple(minute for minute in read if minute is not None)


def _minute(candle: Any) -> Minute | None:
    if not isinstance(candle, list) or len(candle) < MINUTE_FIELDS:
        return None
    high = price_of(candle[2])
    try:
        begins = datetime.fromisoformat(str(candle[0]))
    except ValueError:
        return None
    return None if high is None or begins.tzinfo is None else Minute(begins, high)


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
            read.append(one(an_object(row)))
        except Malformed:
            unread.add(_symbol(row))
        else:
            if odd(row):
                unread.add(_symbol(row))
    return Listing(tuple(read), frozenset(unread))


def _furthest(rows: Sequence[BrokerOrder]) -> tuple[tuple[BrokerOrder, ...], frozenset[str | None]]:
    """Return one row for each number, and the symbols of those whose rows say different things."""
    best: dict[str, BrokerOrder] = {}
    torn: set[str | None] = set()
    for at, row in enumerate(rows):
        key = row.broker_order_id or f"row {at}"
        other = best.setdefault(key, row)
        if other != row:
            torn |= {row.symbol or None, other.symbol or None}
            best[key] = max(other, row, key=_how_far)
    return tuple(best.values()), frozenset(torn)


def _how_far(row: BrokerOrder) -> tuple[int, bool]:
    return row.filled_quantity, row.status in FINAL


def _symbol(row: Any) -> str | None:
    """Return the symbol of an unread row, None where it names none."""
    return (text_or_empty(row, "tradingsymbol") or None) if isinstance(row, dict) else None


def _order(row: dict[str, Any]) -> BrokerOrder:
    tags = frozenset(_tags(row))
    is_ours = any(OUR_TAG.fullmatch(tag) for tag in tags)
    status = FINAL_STATUSES.get(_status(row, is_ours), OrderStatus.OPEN)
    asked, filled, status = _quantities(row, status, is_ours)
    message = _message(row)
    return BrokerOrder(
        broker_order_id=_or_none(id_text, row, "order_id", is_ours) or "",
        tags=tags,
        exchange=text_or_empty(row, "exchange"),
        symbol=text_or_empty(row, "tradingsymbol"),
        product=text_or_empty(row, "product"),
        side=_or_none(_side, row, "transaction_type", is_ours),
        quantity=asked,
        filled_quantity=filled,
        average_price=_known_price(row, "average_price"),
        status=status,
        message=message,
        refusal=kind_of(None, message) if status is OrderStatus.REJECTED else None,
        order_type=plain(text_or_empty(row, "order_type")),
        price=_known_price(row, "price"),
        updated_at=moment_or_none(row, "order_timestamp"),
        trigger=_known_price(row, "trigger_price"),
        waiting=_waits_for_trigger(row, status, is_ours),
    )


def _waits_for_trigger(row: dict[str, Any], status: OrderStatus, is_ours: bool) -> bool:
    """Tell whether a stop is not triggered yet: the exchange shows a triggered one as OPEN."""
    is_stop = text_or_empty(row, "order_type").upper() in (OrderKind.SL, OrderKind.SL_M)
    return is_stop and status is OrderStatus.OPEN and _status(row, is_ours) != "OPEN"


Field = TypeVar("Field")


def _or_none(
    read: Callable[[dict[str, Any], str], Field], row: dict[str, Any], name: str, is_ours: bool
) -> Field | None:
    """Return a field; None where it cannot be read and the order has the product's tag."""
    try:
        return read(row, name)
    except Malformed:
        if not is_ours:
            raise
        return None


def _status(row: dict[str, Any], is_ours: bool) -> str:
    return (_or_none(text, row, "status", is_ours) or "").upper()


def _side(row: dict[str, Any], name: str) -> Side:
    side = text(row, name).upper()
    if side not in (Side.BUY, Side.SELL):
        raise Malformed(f"{name} is neither BUY nor SELL")
    return Side(side)


def _quantities(row: dict[str, Any], status: OrderStatus, is_ours: bool) -> tuple[int, int, OrderStatus]:
    """Return what was asked for and what is filled, with the status these leave."""
    asked = _or_none(quantity, row, "quantity", is_ours)
    filled = _or_none(quantity, row, "filled_quantity", is_ours)
    if asked is not None and filled is not None and filled > asked:
        if not is_ours:
            raise Malformed("filled_quantity is above quantity")
        filled = None
    if filled is None and asked is not None and status is OrderStatus.COMPLETE:
        filled = asked
    if filled is None:
        return (0 if asked is None else asked), 0, OrderStatus.OPEN
    return (filled if asked is None else asked), filled, status


def _is_odd_order(row: dict[str, Any]) -> bool:
    """Tell whether a row that is followed may still hide its instrument, its tag or what it came to."""
    named = all(text_or_empty(row, name) for name in ("exchange", "tradingsymbol", "product", "status"))
    return not named or not _tags_are_whole(row) or not _counts_are_whole(row)


def _counts_are_whole(row: dict[str, Any]) -> bool:
    try:
        id_text(row, "order_id")
        _side(row, "transaction_type")
        return quantity(row, "filled_quantity") <= quantity(row, "quantity")
    except Malformed:
        return False


def _position(row: dict[str, Any]) -> BrokerPosition:
    return BrokerPosition(
        exchange=text(row, "exchange"),
        symbol=text(row, "tradingsymbol"),
        product=text(row, "product"),
        quantity=whole(row, "quantity"),
        day_buy_quantity=quantity(row, "day_buy_quantity"),
        day_sell_quantity=quantity(row, "day_sell_quantity"),
    )


def _quote(row: dict[str, Any], seen_at: datetime) -> Quote:
    price = number(row, "last_price")
    if price is None:
        raise Malformed("last_price is missing")
    return Quote(
        last_price=price,
        lower_circuit=price_or_none(row, "lower_circuit_limit"),  # 0 or absent for indices
        upper_circuit=price_or_none(row, "upper_circuit_limit"),
        seen_at=seen_at,
        previous_close=_previous_close(row),
    )


def _previous_close(row: dict[str, Any]) -> Decimal | None:
    """Return `ohlc.close`: during a day the close of the one before. None where it is absent, 0 or odd."""
    ohlc = row.get("ohlc")
    try:
        return price_or_none(ohlc, "close") if isinstance(ohlc, dict) else None
    except Malformed:
        return None


def _tags(row: dict[str, Any]) -> Iterator[str]:
    """Yield the tags. Ours is in `tag` and in `tags`; the broker's own are in `tags` only."""
    for field in (row.get("tag"), row.get("tags")):
        yield from _words(field)


def _words(field: Any, depth: int = 0) -> Iterator[str]:
    """Yield the words of a tag, a list of tags, or what a broken row has in their place."""
    if isinstance(field, str):
        yield from filter(None, (word.strip() for word in field.split(",")))
    elif isinstance(field, list) and depth < DEEPEST:
        for part in field:
            yield from _words(part, depth + 1)


def tags(row: dict[str, Any]) -> frozenset[str]:
    """Return an order's tags: ours is in `tag` and in `tags`, the broker's own are in `tags` only."""
    return frozenset(_tags(row))


def _tags_are_whole(row: dict[str, Any]) -> bool:
    tag, listed = row.get("tag"), row.get("tags")
    return isinstance(tag, str | None) and (
        listed is None or (isinstance(listed, list) and all(isinstance(word, str) for word in listed))
    )


def _message(row: dict[str, Any]) -> str:
    message = row.get("status_message")
    return plain(message) if isinstance(message, str) else ""


def _known_price(row: dict[str, Any], name: str) -> Decimal | None:
    """Return a price, None where there is none or it cannot be read: the row counts all the same."""
    try:
        price = price_or_none(row, name)
    except Malformed:
        return None
    return price if price is None or price > 0 else None
