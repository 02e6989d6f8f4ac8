"""What is to be sent for a leg, and what ends an attempt to send it."""

from dataclasses import dataclass
from datetime import datetime

from domain.order import LegKey, OrderTerms, Reason


@dataclass(frozen=True, slots=True)
class Intent:
    """What a leg is to bring about: `wanted` shares in all, of which some may be filled already.

    `latest` is the last instant at which an entry may be sent; exits are never too late.
    """

    key: LegKey
    terms: OrderTerms
    wanted: int
    reason: Reason
    due_at: datetime
    latest: datetime | None = None


class NotPlaced(Exception):
    """An attempt was refused; the next may pass. The caller decides when."""


class TooLate(Exception):
    """The intent was not sent in time, and will not be."""
