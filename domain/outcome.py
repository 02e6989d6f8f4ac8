"""Outcomes of sending an order: accepted, rejected, denied, or unknown."""

from dataclasses import dataclass, field
from enum import StrEnum

from domain.refusal import Refusal


class Cause(StrEnum):
    """Why the broker certainly has no such order, by what may be done next."""

    TRY_AGAIN = "try_again"
    """Refused for now: 429, connection refused. The next attempt may pass."""
    LOGIN = "login"
    """The access token is dead: only a new login helps."""
    FINAL = "final"
    """The broker's rules: margin, symbol, circuit, address. The same order would be refused again."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker gave it a number. It is not filled, and not even validated by the exchange."""

    broker_order_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The broker certainly did not place it. `refusal` says what may lift that."""

    cause: Cause
    message: str
    refusal: Refusal = field(default=Refusal.UNKNOWN, compare=False)

    @property
    def kind(self) -> Refusal:
        """Return what the refusal is, as far as its cause or its words say."""
        return _KINDS.get(self.cause, self.refusal)


_KINDS = {Cause.TRY_AGAIN: Refusal.BUSY, Cause.LOGIN: Refusal.LOGIN}


@dataclass(frozen=True, slots=True)
class Denied:
    """Our own checks stopped it before anything left."""

    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not be an order: a timeout, a reset, 5xx, an odd body. Never a failure."""

    message: str


PlaceOutcome = Accepted | Rejected | Denied | Unknown
