"""Reads single fields of the broker's rows; what is not as documented is `Malformed`, never a default.

Numbers have bounds: one that no exchange can mean would overflow a column or a calculation further on.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.session import EXCHANGE_ZONE

LARGEST_QUANTITY = 2**31 - 1
"""Shares; more than any column holds, and than any company has on one account."""
HIGHEST_PRICE = Decimal(10**9)
"""Rupees."""
LARGEST_SUM = Decimal(10**13)
"""Rupees of an account."""


class Malformed(ValueError):
    """A field is missing or of another type than the broker documents."""


def an_object(row: Any) -> dict[str, Any]:
    """Return a row that is an object."""
    if not isinstance(row, dict):
        raise Malformed("it is not an object")
    return row


def text(row: dict[str, Any], name: str) -> str:
    """Return a text that is not empty, without the blanks around it."""
    value = text_or_empty(row, name)
    if not value:
        raise Malformed(f"{name} is no text")
    return value


def text_or_empty(row: dict[str, Any], name: str) -> str:
    """Return a text without the blanks around it, empty where it is none."""
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def id_text(row: dict[str, Any], name: str) -> str:
    """Return an id. Kite writes text; a whole number is read as its digits."""
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(row, name)


def whole(row: dict[str, Any], name: str) -> int:
    """Return a whole number, signed."""
    value = row.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 10.0 is 10
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST_QUANTITY:
        raise Malformed(f"{name} is no whole number")
    return value


def quantity(row: dict[str, Any], name: str) -> int:
    """Return a number of shares, not negative."""
    value = whole(row, name)
    if value < 0:
        raise Malformed(f"{name} is below zero")
    return value


def number(row: dict[str, Any], name: str) -> Decimal | None:
    """Return a finite number as it is written, None where there is none."""
    value = row.get(name)
    return None if value is None else _finite(value, name, HIGHEST_PRICE)


def rupees(row: dict[str, Any], name: str) -> Decimal:
    """Return an amount of an account, signed."""
    return _finite(row.get(name), name, LARGEST_SUM)


def _finite(value: object, name: str, most: Decimal) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(f"{name} is no number")
    found = Decimal(str(value))
    if not found.is_finite() or abs(found) > most:  # Python reads NaN and Infinity from JSON
        raise Malformed(f"{name} is no number")
    return found


def price_or_none(row: dict[str, Any], name: str) -> Decimal | None:
    """Return a price, None where it is missing or 0."""
    return number(row, name) or None


def moment_or_none(row: dict[str, Any], name: str) -> datetime | None:
    """Return an instant, which Kite writes as exchange time without a zone; None where it is none."""
    try:
        found = datetime.fromisoformat(text_or_empty(row, name))
    except ValueError:
        return None
    return found.replace(tzinfo=EXCHANGE_ZONE) if found.tzinfo is None else found
