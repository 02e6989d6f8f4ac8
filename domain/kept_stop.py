"""A holding whose stop is to rest at the exchange, as the store has it now, and where its stop lies."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.money import price_text
from domain.order import LegKey, OrderTerms
from domain.protected_exit import Bar
from domain.terms import Protect


class ExitAim(StrEnum):
    """What a protected leg has come to; before that, stops may be placed for it."""

    SELL = "sell"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Protection:
    """Where the stop of held shares lies, since when, and why not where the terms want it: in words."""

    where: Protect
    since: datetime
    order_id: str | None = None
    trigger: Decimal | None = None
    why: str | None = None

    def same_as(self, other: "Protection | None") -> bool:
        """Tell whether both say the same of it, whenever it was."""
        return other is not None and (self.where, self.order_id, self.trigger, self.why) == (
            other.where,
            other.order_id,
            other.trigger,
            other.why,
        )


@dataclass(frozen=True, slots=True)
class KeptStop:
    """One holding.

    `key`: of its sale; `bought`: shares of its round; `stop`: where its stop stands now. `missing`: how
    many of them the account is known to show no longer. `entry_open`: its purchase may still be filled.
    `moved_at`: when an order of the product moved last in the account, by the feed; `foreign_at`: when
    another order did, which may have sold these shares. None where none is known.
    """

    key: LegKey
    terms: OrderTerms
    bought: int
    missing: int
    stop: Decimal | None
    tick: Decimal
    entry_price: Decimal | None
    bought_at: datetime
    sell_at: datetime
    closes_at: datetime
    entry_open: bool = False
    moved_at: datetime | None = None
    foreign_at: datetime | None = None
    protection: Protection | None = None


_WHY = {
    Bar.HAND: "you cancelled or changed it in the broker's app, so no other one is placed",
    Bar.SWEPT: "the exchange cancels all stops of shares with a closing auction at 15:15",
    Bar.PRICE: "the exchange takes none at this price: above the last one, or outside the circuit limits",
    Bar.PAUSE: "the exchange or the broker refused it or took it away; it is placed again soon",
    Bar.TOO_OFTEN: "it was refused or taken away too often today",
    Bar.FILLING: "the purchase is still being filled",
    Bar.STORE: "the database is away",
    Bar.BROKER: "the broker cannot be asked now",
    Bar.UNREAD: "the account could not be read at the broker",
    Bar.PLACING: "it is being placed",
}


SELLING = "the shares are being sold"
RELEASED = "it was cancelled, since the strategy sells nothing more"
UNSEEN = (
    "the broker cannot be asked now; as far as is known the order rests, and sells by itself. Do not sell "
    "the shares by hand without cancelling it"
)
STAYS = "it has been moved as often as the broker allows, and stays there; Stopwatch watches the higher one"


def why_alone(bar: Bar) -> str:
    """Return in the user's words why no stop rests at the exchange for some of the shares."""
    return _WHY[bar]


def protection_line(shown: Protection, terms: OrderTerms) -> str:
    """Return the timeline's line for where a stop lies from now on."""
    if shown.where is Protect.EXCHANGE:
        trigger = "its trigger" if shown.trigger is None else price_text(shown.trigger)
        if shown.why:
            return f"The stop for {terms.symbol} at the exchange, at {trigger}: {shown.why}."
        return f"A stop for {terms.symbol} rests at the exchange: it sells at {trigger} by itself."
    return f"No stop rests at the exchange for {terms.symbol}: {shown.why}. Stopwatch watches it itself."
