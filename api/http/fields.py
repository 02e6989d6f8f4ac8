"""The kinds of fields of requests and answers: what is accepted, and the words when it is not."""

import re
from datetime import time
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, StrictStr, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from adapters.notifications.mail_address import BadMailAddress, normal_form, receiver_of
from domain.limits import OnBreach
from domain.money import PAISA

LARGEST_PRICE = Decimal(10_000_000)
LARGEST_QUANTITY = 10_000_000
MOST_TRADES = 10_000
LARGEST_AMOUNT = Decimal(100_000_000_000)
_STORED_PRICE = Decimal("0.000001")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
_LONGEST_WORD = 256
_BROKER_WORD = r"^[!-~]+$"


def _price(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("not_a_number", "must be a number, such as 3500.05")
    if not 0 < value <= LARGEST_PRICE:
        raise PydanticCustomError("out_of_range", f"must be above 0 and at most {LARGEST_PRICE}")
    # Clients that compute in binary floats send 3500.0499999999997 and mean 3500.05.
    price = Decimal(value).quantize(_STORED_PRICE, ROUND_HALF_EVEN)
    if price == 0:
        raise PydanticCustomError("out_of_range", f"must be above 0 and at most {LARGEST_PRICE}")
    return price


def _rupees(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("not_a_number", "must be an amount in rupees, such as 25000")
    if not 0 < value <= LARGEST_AMOUNT:
        raise PydanticCustomError("out_of_range", f"must be above 0 and at most {LARGEST_AMOUNT}")
    return Decimal(value).quantize(PAISA, ROUND_HALF_EVEN) or PAISA


def _quantity(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("not_a_number", "must be a whole number of shares, such as 10")
    if not 0 < value <= LARGEST_QUANTITY:
        raise PydanticCustomError("out_of_range", f"must be at least 1 and at most {LARGEST_QUANTITY}")
    return value


def _trades(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("not_a_number", "must be a whole number of trades, such as 5")
    if not 0 < value <= MOST_TRADES:
        words = f"must be at least 1 and at most {MOST_TRADES}; to buy nothing at all, use the kill switch"
        raise PydanticCustomError("out_of_range", words)
    return value


def _breach_word(value: object) -> OnBreach:
    if not isinstance(value, str) or value not in set(OnBreach):
        words = 'must be "block", which bars what is bought, or "exit", which sells what is held as well'
        raise PydanticCustomError("unknown_choice", words)
    return OnBreach(value)


def _clock_time(value: object) -> time:
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise PydanticCustomError("not_a_time", "must be a time of day as HH:MM or HH:MM:SS, such as 09:30")
    return time.fromisoformat(value)


def _id(value: object) -> UUID:
    try:
        return UUID(value) if isinstance(value, str) else UUID(None)
    except (ValueError, TypeError):
        raise PydanticCustomError("not_an_id", "must be an id as this service gave it") from None


def _email(value: object) -> str:
    try:
        return normal_form(value if isinstance(value, str) else "")
    except BadMailAddress as wrong:
        raise PydanticCustomError("not_an_email", str(wrong)) from None


def _new_email(value: object) -> str:
    normal = _email(value)
    try:
        receiver_of(normal)
    except BadMailAddress as wrong:
        raise PydanticCustomError("email_not_mailable", str(wrong)) from None
    return normal


def _symbol(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z0-9&_. -]{1,40}", value.strip().upper()):
        raise PydanticCustomError("not_a_symbol", "must be a trading symbol, such as TCS")
    return value.strip().upper()


def _whole_password(value: Any) -> Any:
    # Counted in characters before anything is hashed: a megabyte of password is not worth a second of CPU.
    if isinstance(value, str) and not 8 <= len(value) <= 128:
        raise PydanticCustomError("password_length", "must have 8 to 128 characters")
    return value


def is_broker_word(text: str) -> bool:
    """Tell whether it may be sent to the broker: short, and nothing but plain visible characters."""
    return len(text) <= _LONGEST_WORD and re.fullmatch(_BROKER_WORD, text) is not None


Price = Annotated[Decimal, BeforeValidator(_price), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
Rupees = Annotated[
    Decimal, BeforeValidator(_rupees), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})
]
Quantity = Annotated[int, BeforeValidator(_quantity), WithJsonSchema({"type": "integer", "minimum": 1})]
Trades = Annotated[int, BeforeValidator(_trades), WithJsonSchema({"type": "integer", "minimum": 1})]
BreachWord = Annotated[
    OnBreach, BeforeValidator(_breach_word), WithJsonSchema({"type": "string", "enum": ["block", "exit"]})
]
ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    WithJsonSchema({"type": "string", "examples": ["09:30"], "pattern": _CLOCK.pattern}),
]
Id = Annotated[UUID, BeforeValidator(_id), WithJsonSchema({"type": "string", "format": "uuid"})]
Email = Annotated[str, BeforeValidator(_email), WithJsonSchema({"type": "string", "format": "email"})]
NewEmail = Annotated[str, BeforeValidator(_new_email), WithJsonSchema({"type": "string", "format": "email"})]
"""An address of a new account: one that can be mailed."""
Symbol = Annotated[str, BeforeValidator(_symbol), WithJsonSchema({"type": "string", "examples": ["TCS"]})]
Password = Annotated[StrictStr, BeforeValidator(_whole_password)]
BrokerWord = Annotated[
    # These go into a header of the request to the broker: nothing but plain visible characters.
    StrictStr,
    StringConstraints(min_length=1, max_length=_LONGEST_WORD, pattern=_BROKER_WORD),
]
Code = Annotated[StrictStr, StringConstraints(min_length=1, max_length=64)]
OpaqueToken = Annotated[StrictStr, StringConstraints(min_length=1, max_length=256)]
LinkToken = Annotated[StrictStr, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_-]+$")]
"""Of a mailed link."""
Money = Annotated[Decimal, WithJsonSchema({"type": "number"})]
"""Of answers: a JSON number with exactly its digits."""
