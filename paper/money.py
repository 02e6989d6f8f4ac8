"""Converts prices between rupees and whole paise.

Every listed tick is a whole number of paise and the feed sends paise, so an int is exact here and about ten
times cheaper than a Decimal in the matching. Rupees appear only in the JSON that Kite's clients read.
"""

from decimal import Decimal, InvalidOperation

HUNDRED = Decimal(100)
# A client computes prices in binary floats: 1234.5500000000002 is meant as 1234.55.
SLACK_IN_PAISE = Decimal("0.0001")

# Rupees; far above any price or account, far below what would make arithmetic slow.
LARGEST = Decimal(10) ** 12


def paise(value: object) -> int | None:
    """Read rupees as whole paise, None when it is not a finite number."""
    number = _decimal(value)
    return None if number is None else int((number * HUNDRED).to_integral_value())


def exact_paise(value: object) -> Decimal | None:
    """Read rupees as paise with their parts, as averages have them; None when it is not a finite number."""
    number = _decimal(value)
    return None if number is None else number * HUNDRED


def on_tick(value: object, tick: int) -> int | None:
    """Read rupees as paise on the tick grid, None when off it by more than 0.000001 rupee."""
    number = _decimal(value)
    if number is None:
        return None
    exact = number * HUNDRED
    nearest = (exact / tick).to_integral_value() * tick
    return int(nearest) if abs(nearest - exact) <= SLACK_IN_PAISE else None


def round_to_tick(value: float, tick: int) -> int:
    """Round paise to the nearest tick, never below one tick."""
    return max(tick, round(value / tick) * tick)


def rupees(value: int) -> float:
    """Write paise as Kite writes them."""
    return value / 100


def average(value: int, quantity: int) -> float:
    """Return the average price in rupees, 0 without trades."""
    return round(value / quantity / 100, 6) if quantity else 0.0


def _decimal(value: object) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < LARGEST else None
