"""A fault: at a named point of a day, the nth time it is passed, something happens."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Fault:
    """`entry.claimed#1: crash`. The words are all that is needed to play it again."""

    point: str
    nth: int
    action: str

    @classmethod
    def read(cls, words: str) -> Self:
        """Return the fault written as `point#nth: action`."""
        where, _, action = words.partition(":")
        point, _, nth = where.strip().partition("#")
        return cls(point, int(nth or 1), action.strip())

    def __str__(self) -> str:
        return f"{self.point}#{self.nth}: {self.action}"


CRASH = ("crash",)
FREEZES = ("freeze 1.5", "freeze 2.6", "freeze 30")
"""Shorter than a claim lasts; until just after the second worker has begun; long after it has ended."""
EVENTS = ("DIP", "FALL", "RISE", "STOP", "STOP keep", "CANCEL")
USER_HANDS = (
    *("HAND", "HAND 4", "HAND BUY 4", "HAND CONVERT", "HAND CONVERT 4", "HAND CONVERT BACK", "HAND CANCEL"),
    *("HAND LOGIN 3", "HAND LOGIN 40", "HAND SWITCH 10"),
)
BROKER_HANDS = ("BROKER SQUARE OFF", "BROKER REFUSE", "BROKER LOT 7", "BROKER ROWS 20", "BROKER ROW 20")
HANDS = (*USER_HANDS, *BROKER_HANDS)
"""What others do to the account: `tests.simulation.others`."""
MORE_HANDS = (
    "HAND then DIP",
    "DIP then HAND",
    "HAND 4 then DIP",
    "HAND CONVERT then DIP",
    "HAND BUY 4 then HAND 4",
)
MORE_EVENTS = (
    "OFFER 4",
    "WITHDRAW",
    "WITHDRAW filled",
    "GARBAGE",
    "DIP twice",
    "DIP then STOP",
    "STOP keep then FALL",
)
LATE = (1, 8, 25, 90, 130)
_ANSWERS = (
    *("refuse", "reject", "reject later", "dead login 3", "dead login 40"),
    *("half then rest", "half then gone", "half", "rest", "rest then fill", "fill at cancel", "stuck"),
    *("lost", "lost nothing"),
)
ENTRY_ANSWERS = (
    *_ANSWERS,
    *(f"late {seconds}" for seconds in LATE),
    *(f"placed later {seconds}" for seconds in LATE),
)
REFUSED = ("authorise", "authorise 40")
"""Refused until the user has authorised it: for good, or for so many seconds."""
EXIT_ANSWERS = (
    *_ANSWERS,
    *REFUSED,
    *(f"late {seconds}" for seconds in LATE),
    "placed later 1",
    "placed later 8",
)
"""An exit placed after its resend horizon of 20 s, which nothing showed until then, is beyond the promise."""
STORE = ("fail", "commit lost", "down 3", "down 40")
READ = ("fail", "down 3", "down 40", "down 200", "dead login 3", "dead login 40")
SKEWS = ("clock +3600", "clock -3600", "clock +1.5", "clock -1.5")


def actions_at(point: str) -> tuple[str, ...]:
    """Return everything that may happen at a point, by its room, but for the hands of others."""
    room, _, rest = point.partition(".")
    return {
        "time": (*EVENTS, *MORE_EVENTS),
        "place": ENTRY_ANSWERS if rest == "entry" else EXIT_ANSWERS,
        "log": STORE,
        "runs": STORE,
        "cache": ("down 3", "down 900"),
        "read": (*READ, "price at the stop", "no price") if rest == "quotes" else READ,
        "cancel": ("fail", "refused", "fill first"),
        "modify": ("fail", "down 3", "refused", "fill first", "lost", "lost nothing", "dead login 3"),
        "start": SKEWS,
        "before": ("MIS", "own 10", "MIS and own 10", "CHASE", "LIMIT", "AGAIN"),
    }.get(room, (*CRASH, *FREEZES, *EVENTS))


def hands_at(point: str) -> tuple[str, ...]:
    """Return every hand that may move at a point: at each moment, step, placement and read."""
    room = point.partition(".")[0]
    if room in ("log", "runs", "cache", "cancel", "modify", "before"):
        return ()
    return (*HANDS, *MORE_HANDS) if room == "time" else HANDS


def everything_at(point: str) -> tuple[str, ...]:
    return (*actions_at(point), *hands_at(point))


_CHOSEN_ANSWERS = (
    *("refuse", "reject later", "dead login 40", "half", "half then gone", "rest", "fill at cancel"),
    *("lost", "lost nothing", "late 25", "placed later 8"),
)
_CHOSEN = {
    "time.started": ("FALL", "STOP keep"),
    "time.before_buy": ("CANCEL",),
    "time.buy": ("DIP", "STOP"),
    "time.after": ("DIP", "STOP keep"),
    "time.holding": ("DIP", "STOP keep", "CANCEL", "HAND", "HAND CONVERT 4"),
    "time.before_sale": ("DIP", "STOP keep", "CANCEL", "HAND 4", "BROKER ROW 20"),
    "place.entry": (*_CHOSEN_ANSWERS, "late 130"),
    "place.exit": (*_CHOSEN_ANSWERS, "authorise"),
    "modify": ("fail", "fill first", "lost", "lost nothing"),
    "entry.moving": ("crash", "freeze 30", "STOP"),
    "entry.moved": ("crash", "DIP", "STOP keep"),
    "log.move.entry": ("commit lost", "down 40"),
    "entry.claimed": ("crash", "freeze 2.6", "DIP", "STOP keep"),
    "exit.claimed": ("crash", "freeze 2.6", "DIP", "STOP keep"),
    "read.orders": ("down 40", "dead login 3"),
    "read.quotes": ("down 3",),
    "read.positions": ("down 40",),
    "log.leg.entry": (),
    "log.leg.exit": ("down 40",),
    "cache.lock": ("down 900",),
}


def chosen_at(point: str) -> tuple[str, ...]:
    """Return the actions that the suite's pairs are made of: one or two of every kind."""
    if point in _CHOSEN:
        return _CHOSEN[point]
    return {
        "time": ("DIP", "STOP keep", "CANCEL"),
        "log": ("fail", "commit lost"),
        "runs": ("commit lost",),
        "read": ("fail",),
        "cancel": ("refused", "fill first"),
        "activate": ("crash",),
        "finish": ("crash",),
        "entry": ("crash", "freeze 2.6"),
        "exit": ("crash", "freeze 2.6"),
    }.get(point.partition(".")[0], ())
