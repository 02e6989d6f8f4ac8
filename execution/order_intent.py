"""An intent to buy or sell, and the exceptions that end an attempt to send it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.exit_obstacle import NO_REASON, Obstacle
from domain.order import LegKey, OrderTerms, Reason
from domain.run import Entered, SaleLine


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """One leg's goal: `wanted` shares in all, of which some may be filled already.

    `latest` is the last instant at which an entry may be sent; exits are never too late.
    """

    key: LegKey
    terms: OrderTerms
    wanted: int
    reason: Reason
    due_at: datetime
    latest: datetime | None = None
    patience: float | None = None
    """Seconds a sale waits for the account to be read; None: until it is read (`domain.sellable`)."""
    lifted: int = 0
    """The newest attempt whose refusal keeps nothing back any more (`domain.exit_obstacle`)."""
    acting: Decimal | None = None
    """The price for which a stop sells; None for another reason."""
    why: SaleLine | None = None
    """The timeline's line that says why it is sold, where the caller knows."""


class EntryRefused(Exception):
    """A check keeps the entry from being sent; `entered` says why, in the user's words."""

    def __init__(self, entered: Entered) -> None:
        super().__init__(entered.detail)
        self.entered = entered


class NotPlaced(Exception):
    """An attempt was refused; the next may pass. The caller decides when."""


class HeldUp(Exception):
    """A sale was refused, and another try is not due yet. `obstacle` says why, and for how long.

    `words`: what the sale has come to, where that is known.
    """

    def __init__(self, obstacle: Obstacle, words: str = "") -> None:
        super().__init__(words or obstacle.message or NO_REASON)
        self.obstacle = obstacle


class InDoubt(Exception):
    """An order was sent, never answered, and is in no order book: it may still be in flight."""


class TooLate(Exception):
    """The intent was not sent in time, and will not be; its text says why, where more is known."""


class ClosedOutside(Exception):
    """Nothing is left to sell: the shares were sold by hand, squared off or converted at the broker."""


class Barred(Exception):
    """A limit or a kill switch keeps the entry from being sent: which one, in the user's words."""


class Foreign(Barred):
    """No START was written down that buys this: the caller's message is not believed."""
