"""What every simulated day has: its times and prices, what it may begin with, and what its run is sent."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from domain.terms import After, Distance, EntryKind, Reenter, Unit, When
from domain.terms import Entry as EntryTerms

EPOCH = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
BUY, SELL, CLOSE = 20.0, 80.0, 400.0
"""Seconds into the day."""
AFTERWARDS = 60.0
"""Seconds that are still watched after the run has ended: for zombies, and for orders that come late."""
MOMENTS = {
    "time.started": 0.5,
    "time.before_buy": BUY - 1,
    "time.buy": BUY,
    "time.holding": BUY + 30,
    "time.before_sale": SELL - 3,
    "time.sale": SELL,
    "time.selling": SELL + 0.03,
    "time.after": SELL + 15,
    "time.later": SELL + 60,
}
BEFORE = "before.day"
"""The point at which it is given what the day begins with: another product, shares of the user's own."""
PATROLS = (BUY - 1, BUY + 0.45, BUY + 0.95, SELL - 1, SELL + 0.45, SELL + 0.95)
"""When the living look after what others hold; and after each death, once it is seen and as a lease ends."""
STOP_LOSS, TARGET = Decimal(3400), Decimal(3700)
CHASED = Decimal(12)
"""Rupees above the price at buy time that a chase may cost."""
ENTRIES = {
    "CHASE": EntryTerms(
        *(EntryKind.CHASE, None, Distance(Decimal(1), Unit.POINTS), Distance(CHASED, Unit.POINTS), 30)
    ),
    "LIMIT": EntryTerms(EntryKind.LIMIT, Decimal(3490), for_seconds=30),
}
"""Ways to buy by a LIMIT order: one that is filled once it has been changed, one whose price never comes."""
OUTRUNS = 3
WANTED, MOST = 10, 4
"""Shares that are bought, and of them that one order may have on a day that goes out in slices."""
REENTER = Reenter(1, After.STOP, When.AT_ENTRY_PRICE, time(9, 31))
"""Once more after the stop, when the price is back: until twenty seconds before the sale."""
HIT = {"price": "3400", "tick_at": None, "seen_at": None}
REACHED = {"price": "3700"}
GARBAGE: tuple[object, ...] = (
    None,
    "rubbish",
    {},
    {"price": "NaN"},
    {"price": -1},
    [1],
    {"price": "3500", "tick_at": 7},
)


def at(seconds: float) -> datetime:
    """Return the moment so many seconds into the day."""
    return EPOCH + timedelta(seconds=seconds)
