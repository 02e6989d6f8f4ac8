"""What is to be sent for a leg, and what ends an attempt to send it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.order import LegKey, OrderTerms, Reason


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """What a leg is to bring about: `wanted` shares in all, of which some may be filled already.

    `latest` is the last instant at which an entry may be sent; exits are never too late.
    """

    key: LegKey
    terms: OrderTerms
    wanted: int
    reason: Reason
    due_at: datetime
    latest: datetime | None = None
    price: Decimal | None = None
    """The last one known, by which an entry's value is judged."""
    patience: float | None = None
    """Seconds a sale waits for the account to be read; None: until it is read (`domain.sellable`)."""


class NotPlaced(Exception):
    """An attempt was refused; the next may pass. The caller decides when."""


class TooLate(Exception):
    """The intent was not sent in time, and will not be."""


class ClosedOutside(Exception):
    """Nothing is left to sell: the shares were sold by hand, squared off or converted at the broker."""


class Barred(Exception):
    """A limit or a kill switch keeps the entry from being sent: which one, in the user's words."""
