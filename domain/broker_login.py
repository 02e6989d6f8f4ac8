"""Messages of the morning login: a user's id and a sealed token, nothing in clear."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

NO_QUOTES = (
    "Your Kite Connect app has no market data: Zerodha answers no question for a price (the free plan). "
    "Without the price at buy_time nothing is bought. Change to the plan with data at developers.kite.trade, "
    "and log in here again."
)
"""What is said at connect and at START to an account whose plan has no data."""


class LoginKind(StrEnum):
    REQUEST_TOKEN = "request_token"  # noqa: S105 – the name of a field
    ACCESS_TOKEN = "access_token"  # noqa: S105


class LoginStatus(StrEnum):
    CONNECTED = "connected"
    REJECTED = "rejected"
    """The broker refused it; `message` is the broker's."""
    OTHER_USER = "other_user"
    """It is a login of another broker account than the connected one."""
    NOT_CONNECTED = "not_connected"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """`sealed_token` is base64url text, sealed to the worker's key and bound to this user and kind."""

    user_id: UUID
    kind: LoginKind
    sealed_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoginResult:
    """The outcome of a morning login; `message` is the broker's, where it gave one."""

    status: LoginStatus
    message: str = ""
