"""The rules of a day on which others have their hands on the account, too. Numbers as in docs/reliability.md.

8. No order makes a position that the account would not have without it: no short is opened, no more is sold
   than the account held. Where a hand moves between the sender's last reading of the account and the order,
   its sender cannot know; such a day is counted apart (`inside_the_window`).
9. A run whose shares are gone ends within a minute, and says so.
10. Each order is in the account that was connected at START.
11. Nothing that is due stands still for a minute without an alarm.
"""

import re
from collections.abc import Callable, Iterator
from itertools import accumulate

from domain.order import Side
from domain.strategy import Outcome
from tests.simulation.day_terms import CLOSE, SELL
from tests.simulation.exchange import OURS, Entry
from tests.simulation.faults import Fault
from tests.simulation.played import Played

OUTSIDE = frozenset({"by hand", "converted", "squared off"})
"""What others did to the account, in the ledger's words."""
WINDOW, FROZEN = 0.6, 2.6
"""Seconds from a reading of the account to the order; the latter where a worker stood still in between."""
ENDS_WITHIN = 60.0
FLAT = frozenset(
    {
        Outcome.SOLD,
        Outcome.STOP_LOSS,
        Outcome.TARGET,
        Outcome.STOPPED,
        Outcome.CANCELLED,
        Outcome.TERMINATED,
    }
)
UNSEEN = ("late", "placed later", "lost")
_AWAY = (
    "down",
    "dead login",
    "HAND LOGIN",
    "HAND SWITCH",
    "BROKER RO",
    "BROKER REFUSE",
    "BROKER LOT",
    "freeze",
)
_UNSURE = ("late", "placed later", "lost", "stuck", "clock", "commit lost", "fail", "crash", "rest", "half")


def filled(day: Played, side: Side) -> int:
    """Return how many shares our orders of one side were filled."""
    return sum(entry.quantity for entry in day.ledger if entry.what == "filled" and entry.side is side)


def taken(day: Played) -> int:
    """Return how many shares of our product others took out of the account."""
    return sum(entry.quantity for entry in day.ledger if entry.what in OUTSIDE and entry.side is Side.SELL)


def given(day: Played) -> int:
    """Return how many shares of our product are in the account that we did not buy."""
    return day.own + sum(
        entry.quantity for entry in day.ledger if entry.what in OUTSIDE and entry.side is Side.BUY
    )


def left_of_ours(day: Played) -> int:
    """Return how many of the shares at the end can only be ours."""
    return max(0, min(filled(day, Side.BUY) - filled(day, Side.SELL), day.left - given(day)))


def oversold(day: Played) -> bool:
    """Tell whether the account was short after an order of ours."""
    return any(True for _ in _shorts(day))


def inside_the_window(day: Played) -> bool:
    """Tell whether it was short because a hand moved after the last reading that an order went by."""
    return any(_could_not_know(day, entry) for entry in _shorts(day))


def never_short(day: Played) -> Iterator[str]:
    """8: what is sold was there when its sender last looked, a moment ago."""
    for entry in _shorts(day):
        if not _could_not_know(day, entry):
            yield f"the account was short after {entry.tag} at {entry.at:.2f}: {_looked(day, entry)}"
            return


def no_more_sold_than_bought(day: Played) -> Iterator[str]:
    """8: shares that came from other hands are never sold."""
    ours = [entry for entry in day.ledger if entry.what == "filled"]
    sums = accumulate(entry.quantity if entry.side is Side.BUY else -entry.quantity for entry in ours)
    least = min(sums, default=0)
    if least < 0:
        yield f"{-least} more sold than bought"


def nothing_forgotten(day: Played) -> Iterator[str]:
    """In the end it is flat; or kept, as asked; or a person was told, naming what is left."""
    held = left_of_ours(day)
    if not held or not day.finished:
        return
    end = day.finished[0]
    kept = end.outcome is Outcome.KEPT and any("keep" in event for _, event in day.events)
    in_doubt = "in doubt" in end.detail and (
        end.outcome is Outcome.ORDER_FAILED or "another order" in end.detail
    )
    told = any(_names(alarm, held) for alarm in day.alarms)
    if not (kept or in_doubt or told):
        yield f"{held} shares are held, the outcome is {end.outcome} ({end.detail}), and nobody was told"
    if told and day.finished_at is not None and day.finished_at < CLOSE:
        yield "it gave up selling before the market closed"


def what_is_closed_outside_is_told(day: Played) -> Iterator[str]:
    """A run whose shares others took says so, with an alert, and no more than they took."""
    if not day.finished:
        return
    end = day.finished[0]
    short = given(day) or oversold(day)  # a first slice may have been sold unread, before the rest was found
    if end.outside > taken(day) or (end.outside < taken(day) and end.outside and not short):
        yield f"it says {end.outside} were closed outside, but others took {taken(day)}"
    if end.outside and not any(alarm.startswith("closed_outside") for alarm in day.alarms):
        yield f"{end.outside} were closed outside, and nobody was told"
    if end.outcome is Outcome.CLOSED_OUTSIDE and not end.outside:
        yield "it says closed_outside, but of no share"


def ends_when_its_shares_are_gone(day: Played) -> Iterator[str]:
    """9: nothing is left of what it bought: it ends within a minute of that or of its sell time."""
    gone = _gone_at(day)
    if gone is None or not day.finished or _something_else_fails(day):
        return
    end, until = day.finished[0], max(gone, SELL) + ENDS_WITHIN
    ended = until if day.finished_at is None else day.finished_at
    if ended > until:
        yield f"its shares were gone at {gone:.2f}, and it ended at {ended:.2f}"
    told_short = "the account is short of" in end.detail  # sold inside the window, and not bought again
    if gone < ended - FROZEN and not (end.outside or told_short):
        yield f"its shares were gone at {gone:.2f}, but it says {end.outcome}: {end.detail}"


def in_the_account_of_its_start(day: Played) -> Iterator[str]:
    """10: no order is in an account that was connected later."""
    for entry in day.ledger:
        if entry.what == "sent" and entry.account != OURS:
            yield f"the {entry.side} {entry.tag} was sent to {entry.account}"


def nothing_due_stands_still(day: Played) -> Iterator[str]:
    """11: a sale that is not sent within a minute of its time is told."""
    until = SELL + ENDS_WITHIN
    sent = any(e.what == "sent" and e.side is Side.SELL and e.at < until for e in day.ledger)
    over = day.stopped_at is not None and day.stopped_at < until
    if any(_hides_the_entry(fault) for fault in day.faults):
        return  # until the broker shows it, the run cannot know that anything is due
    if any(words.endswith("keep") and at < SELL for at, words in day.events):
        return  # no sale is
    if _held_at(day, until) and not (sent or over) and not any(at < until for at in day.alarmed):
        yield f"nothing was sent until {until:g}, and nobody was told"


ACCOUNT_RULES: tuple[Callable[[Played], Iterator[str]], ...] = (
    never_short,
    no_more_sold_than_bought,
    nothing_forgotten,
    what_is_closed_outside_is_told,
    ends_when_its_shares_are_gone,
    in_the_account_of_its_start,
    nothing_due_stands_still,
)


def _shorts(day: Played) -> Iterator[Entry]:
    """Yield the fills of ours after which the account was short."""
    there = day.own
    for entry in day.ledger:
        if entry.what in OUTSIDE or (entry.what == "filled" and entry.account == OURS):
            there += entry.quantity if entry.side is Side.BUY else -entry.quantity
            if there < 0 and entry.what == "filled" and entry.side is Side.SELL:
                yield entry


def _could_not_know(day: Played, entry: Entry) -> bool:
    """Tell whether it went by a reading that showed its shares a moment before, or none could be had."""
    sent = _sent(day, entry)
    look, window = sent.look, FROZEN if _stood_still(day) else WINDOW
    if look is not None and look.quantity >= sent.quantity and sent.at - look.at <= window:
        return True
    return _was_unread(day) and (look is None or look.quantity >= sent.quantity)


def _stood_still(day: Played) -> bool:
    return any(fault.action.startswith(("freeze", "clock")) for fault in day.faults)


def _was_unread(day: Played) -> bool:
    """Tell whether its user was told that shares were sold though the account could not be read."""
    return any(line.startswith("unread") for line in day.lines)


def _sent(day: Played, entry: Entry) -> Entry:
    return next(e for e in reversed(day.ledger) if e.what == "sent" and e.tag == entry.tag)


def _looked(day: Played, entry: Entry) -> str:
    look = _sent(day, entry).look
    return f"its sender saw {look.quantity} at {look.at:.2f}" if look else "its sender had not looked"


def _names(alarm: str, held: int) -> bool:
    found = re.match(r"position_left: .*?(\d+) of ", alarm)
    return found is not None and int(found.group(1)) >= held


def _gone_at(day: Played) -> float | None:
    """Return when others had taken all that was left of ours; None when they never had."""
    there, ours = day.own, 0
    theirs = day.own
    for entry in day.ledger:
        step = entry.quantity if entry.side is Side.BUY else -entry.quantity
        if entry.what == "filled":
            there, ours = there + step, ours + step
        elif entry.what in OUTSIDE:
            there, theirs = there + step, theirs + max(0, step)
            if ours > 0 and there <= 0 and step < 0:
                return entry.at
    return None


def _hides_the_entry(fault: Fault) -> bool:
    late = fault.point == "place.entry" and fault.action.startswith(UNSEEN)
    return late or (fault.point == "read.orders" and fault.action.startswith("down"))


def _held_at(day: Played, until: float) -> int:
    """Return how many shares can only have been ours at a moment, and before its sell time as well."""
    ours = there = theirs = 0
    for entry in day.ledger:
        step = entry.quantity if entry.side is Side.BUY else -entry.quantity
        if entry.at < until and entry.what == "filled" and (entry.at < SELL or step < 0):
            ours, there = ours + step, there + step
        elif entry.at < until and entry.what in OUTSIDE:
            there, theirs = there + step, theirs + max(0, step)
    return max(0, min(ours, there - theirs))


def _something_else_fails(day: Played) -> bool:
    return any(word in fault.action for fault in day.faults for word in (*_AWAY, *_UNSURE)) or any(
        fault.action.startswith("HAND CONVERT BACK") for fault in day.faults
    )
