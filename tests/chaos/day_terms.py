"""What the strategies of a chaos day say, by turns: their size, their entry, their stop, their target."""

from domain.terms import WEEK
from tests.chaos.plan import CALM_PRICE, STOP_LOSS, TARGET_PRICE, Day

TRAIL: dict[str, object] = {"stop_loss": STOP_LOSS, "trail": {"by": {"points": 55}}}
STOPS: tuple[dict[str, object], ...] = (
    {"stop_loss": STOP_LOSS},
    {"stop": {"percent": 5}},
    TRAIL,
    {"stop": {"points": 50}, "lock": [{"after": {"points": 100}, "keep": {"points": 0}}]},
)
"""At `CROSSED_PRICE` each is hit, at `CALM_PRICE` none; at `FALLEN_PRICE` a `TRAIL` that has risen."""
ENTRIES: tuple[dict[str, object], ...] = (
    {},
    {"entry": {"type": "chase", "buffer": {"points": 5}, "most": {"percent": 1}, "for_seconds": 15}},
    {"entry": {"type": "limit", "price": CALM_PRICE + 10, "for_seconds": 15}},
)
"""Each is filled at `CALM_PRICE`, and what a fault leaves of it is cancelled."""
AGAIN: dict[str, object] = {"times": 1, "when": "at_entry_price", "until": "23:59"}
SHARE = 1055
"""Rupees for a share: more than any entry may pay at `CALM_PRICE`, and too little for one share more."""
MOST_BY_AMOUNT = 10
"""Shares up to which an amount buys exactly so many."""
LOSS = 100
"""Rupees that may be lost on a share: at least what the dearest entry may lose."""


def terms_of(day: Day) -> dict[str, object]:
    """Return what a day's strategies say of their size, entry, stop, target, and of buying again."""
    others: dict[str, object] = {"repeat": {"days": list(WEEK)}} if day.repeats else {}
    others |= {"protect": "exchange"} if day.protect else {}
    if day.kind == "crossed":
        return STOPS[0] | _size(day) | others  # a stop that is measured from the fill bars no purchase
    stop = TRAIL if day.kind == "trail" else STOPS[day.number % len(STOPS)]
    entry = ENTRIES[day.number % len(ENTRIES)]
    return stop | entry | _size(day) | _end(day) | others


def _size(day: Day) -> dict[str, object]:
    """By shares, by amount, or by risk. What others reach for is a number that they know."""
    turn = day.number // len(STOPS) % 3
    if turn == 1 and day.quantity <= MOST_BY_AMOUNT:
        return {"amount": day.quantity * SHARE}
    if turn == 2 and not day.hands:
        return {"risk": day.quantity * LOSS}
    return {"quantity": day.quantity}


def _end(day: Day) -> dict[str, object]:
    if day.kind not in ("target", "again"):
        return {}
    fixed: dict[str, object] = {"target": {"price": TARGET_PRICE} if day.number % 4 == 1 else {"percent": 15}}
    if day.kind == "target":
        return fixed
    return fixed | {"reenter": AGAIN | {"after": "both"}}
