"""Kinds of refusals of an order: what lifts each, what its user reads, and how often a sale is tried again.

A refusal that passes by itself is worth the next try. One that only a person or another day can lift is not:
each try counts against the orders the broker takes in a day, and none of them sells.

| refusal        | lifted by                | tried again                                              |
|----------------|--------------------------|----------------------------------------------------------|
| busy           | itself                   | `PAUSES`: at once, then slower, each minute at last      |
| login          | the user, by logging in  | with the new login (it is waited for)                    |
| authorise      | the user, at depository  | `SELDOM`, at once on the user's word or with a new login |
| pending sale   | the user's other order   | the moment that order is gone; else like unknown         |
| funds          | the user                 | `SELDOM`, as above                                       |
| address        | the user                 | `SELDOM`, as above                                       |
| segment        | the user                 | `SELDOM`, as above                                       |
| trade to trade | another day              | `SELDOM`, as above                                       |
| blocked        | another day              | once more, then `SELDOM`, as above                       |
| closed         | the next session         | `PAUSES`: a sale at the opening may be a moment early    |
| unknown        | it is not known          | `PAUSES`                                                 |

The kind is read from the broker's words, and words change. So it decides about the pace alone: a text that is
not recognised is `unknown`, which is tried as long as the market is open.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

SELDOM = timedelta(minutes=15)
"""Between two tries of what only a person or another day can lift: four an hour."""
PAUSES = tuple(timedelta(seconds=each) for each in (0.5, 1, 2, 5, 10, 20, *(30,) * 10))
LAST_PAUSE = timedelta(minutes=1)
"""After the first, second, … refusal in a row; the last one repeats. A day of six hours has 400 tries."""


class Refusal(StrEnum):
    """Why the broker did not take an order, as far as it changes what is done next."""

    BUSY = "busy"
    """Its rate limit, or no connection: it may pass in a moment."""
    LOGIN = "login"
    AUTHORISE = "authorise"
    """Shares in the demat account are sold only after their owner has authorised it."""
    PENDING_SALE = "pending_sale"
    """The account's other open SELL orders ask for the same shares, or there are too few."""
    FUNDS = "funds"
    ADDRESS = "address"
    """Orders are taken only from addresses that the account's holder has registered."""
    SEGMENT = "segment"
    """The account, its app or the segment is not enabled for such orders."""
    TRADE_TO_TRADE = "trade_to_trade"
    """Shares that may not be sold before they are delivered."""
    BLOCKED = "blocked"
    """The broker or the exchange takes no such order in this share or product today."""
    CLOSED = "closed"
    UNKNOWN = "unknown"


class LiftedBy(StrEnum):
    """The ways in which a refusal ends."""

    ITSELF = "itself"
    USER = "user"
    OTHER_ORDER = "other_order"
    ANOTHER_DAY = "another_day"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one kind of refusal means. `advice` is what the user can do, empty where nothing is needed."""

    lifted_by: LiftedBy
    advice: str = ""
    seldom: bool = False
    """Tried every `SELDOM`; else after `PAUSES`."""
    twice: bool = False
    """Believed when it was said twice: such words are many, and some of them pass."""


_USER, _DAY = LiftedBy.USER, LiftedBy.ANOTHER_DAY
RULES: dict[Refusal, Rule] = {
    Refusal.BUSY: Rule(LiftedBy.ITSELF),
    Refusal.LOGIN: Rule(_USER, "Log in at Zerodha again."),
    Refusal.AUTHORISE: Rule(
        _USER,
        "Authorise the sale in Kite (Portfolio, Holdings, Authorisation; it needs your CDSL or NSDL PIN), or "
        "sell the shares there.",
        seldom=True,
    ),
    Refusal.PENDING_SALE: Rule(
        LiftedBy.OTHER_ORDER, "Cancel your other SELL order in Kite, or let it sell the shares."
    ),
    Refusal.FUNDS: Rule(_USER, "Add funds at Zerodha, or sell the shares there.", seldom=True),
    Refusal.ADDRESS: Rule(
        _USER,
        "Register the address that your orders leave by in your Kite developer profile, or sell the shares "
        "in Kite.",
        seldom=True,
    ),
    Refusal.SEGMENT: Rule(
        _USER, "Have Zerodha enable such orders for your account, or sell the shares in Kite.", seldom=True
    ),
    Refusal.TRADE_TO_TRADE: Rule(
        _DAY, "Such shares can be sold once they are delivered: sell them on another day.", seldom=True
    ),
    Refusal.BLOCKED: Rule(
        _DAY,
        "The broker takes no such order today: look in Kite whether the shares can be sold.",
        seldom=True,
        twice=True,
    ),
    Refusal.CLOSED: Rule(_DAY, "The exchange is closed."),
    Refusal.UNKNOWN: Rule(LiftedBy.ITSELF),
}


def pause_after(refusal: Refusal, in_a_row: int) -> timedelta:
    """Return the wait before the next try, after `in_a_row` refusals without a share sold between them."""
    rule = RULES[refusal]
    if rule.seldom and (in_a_row > 1 or not rule.twice):
        return SELDOM
    if refusal is Refusal.LOGIN:
        return timedelta(0)
    return PAUSES[in_a_row - 1] if in_a_row <= len(PAUSES) else LAST_PAUSE
