"""Reads the JSON of a control call; what it cannot read is a ValueError with a sentence."""

import math
from typing import Any

import orjson

from paper.instruments import Instrument, Listing
from paper.kite_error import KiteError
from paper.money import paise
from paper.web import Call

Spec = dict[str, Any]

# The feed sends prices as unsigned 32-bit paise, and limits above them.
LARGEST_ON_THE_WIRE = 3_000_000_000


def read_object(call: Call) -> Spec:
    """Return the body as a JSON object, empty when there is none."""
    try:
        spec = orjson.loads(call.body or b"{}")
    except orjson.JSONDecodeError:
        raise ValueError("The body is not JSON.") from None
    if not isinstance(spec, dict):
        raise ValueError("The body is not a JSON object.")
    return spec


def read_seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError("Seconds and speed are numbers from 0 up.")
    return float(value)


def read_price(value: Any) -> int:
    """Read a price in whole paise; a test may set one between two ticks, the feed can carry it."""
    price = None if isinstance(value, bool | str) else paise(value)
    if price is None or not 0 < price <= LARGEST_ON_THE_WIRE:
        raise ValueError("`price` is a number of rupees above 0.")
    return price


def read_quantity(spec: Spec) -> int:
    quantity = spec.get("quantity")
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity <= 0:
        raise ValueError("`quantity` is a whole number above 0.")
    return quantity


def read_text(spec: Spec, name: str) -> str:
    value = spec.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"`{name}` is missing.")
    return value


def read_instrument(spec: Spec, listing: Listing) -> Instrument:
    """Find `symbol` on `exchange`; without one, on the first that lists it, NSE first.

    Raises KiteError 404 when it is listed nowhere.
    """
    symbol, exchange = read_text(spec, "symbol"), spec.get("exchange")
    found = listing.find(str(exchange), symbol) if exchange else listing.anywhere(symbol)
    if found is None:
        raise KiteError(404, "", f"{exchange or 'No exchange'} lists no {symbol}.")
    return found
