"""Prices and money: `Decimal` rupees, never binary floats."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

PAISA = Decimal("0.01")
TICK_TOLERANCE = Decimal("0.000001")
"""A price this near to a tick is on the tick: brokers print ticks as binary floats."""


def decimal_of(value: object) -> Decimal | None:
    """Return `value` as a finite `Decimal`, or None when it is not a number.

    Floats go through their shortest text (`0.1` stays `0.1`); booleans are not numbers.
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def price_of(value: object) -> Decimal | None:
    """Return `value` as a price a trade could have: finite and above zero, else None."""
    number = decimal_of(value)
    return number if number is not None and number > 0 else None


def on_tick(price: Decimal, tick: Decimal) -> bool:
    """Tell whether `price` is a whole number of ticks, within the broker's own rounding."""
    off = price % tick
    return min(off, tick - off) <= TICK_TOLERANCE


def tick_above(price: Decimal, tick: Decimal | None) -> Decimal:
    """Return the lowest price on the tick that is not below `price`; without a tick the price itself."""
    return price if tick is None else (price / tick).to_integral_value(ROUND_CEILING) * tick


def tick_below(price: Decimal, tick: Decimal | None) -> Decimal:
    """Return the highest price on the tick that is not above `price`; without a tick the price itself."""
    return price if tick is None else (price / tick).to_integral_value(ROUND_FLOOR) * tick


def price_text(price: Decimal) -> str:
    """Return a price with two decimals, more only where there are any: `3501.25`, `0.0525`."""
    digits = price.normalize().as_tuple().exponent
    return f"{price:.{max(2, -digits if isinstance(digits, int) else 2)}f}"


def decimal_text(number: Decimal) -> str:
    """Return the shortest plain writing: `3500.05`, never `3.50005E+3` or `3500.050000`."""
    if number == 0:
        return "0"
    return format(number.normalize(), "f")


def average(old_quantity: int, old_price: Decimal, quantity: int, price: Decimal) -> Decimal:
    """Return the average price of two fills of one side."""
    return (old_price * old_quantity + price * quantity) / (old_quantity + quantity)
