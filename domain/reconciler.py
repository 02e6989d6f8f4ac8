"""Data of the reconciler's rounds: what it compares, and what it repaired."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from domain.order import Attempt, OrderTerms
from domain.run import StartRun
from domain.session import at, exchange_time
from domain.strategy import Position

SETTLING = timedelta(seconds=10)
"""A run younger than this may not be visible in Temporal's list yet; it is left alone."""
ENDED_WITHIN = timedelta(minutes=2)
"""Runs cut short this recently are looked at in every round: one that was terminated is found in the next,
and the list of them does not grow with those that sleep. Longer than a list lags behind, or a worker
takes to be replaced; what ended before that is found by its slice."""
UNTOLD = timedelta(seconds=3)
"""How long a run may go on beside a sold position before the reconciler tells it; the listener is quicker."""
SLICES = 16
"""Each round compares one slice of the running strategies with Temporal and Redis, so that 10,000 of them
cost little; with a round every five seconds, none is left alone for longer than 80 s."""
LIST_EVERY = 8
"""Of so many times that a slice is looked at it is listed run by run once: every ten minutes. In between only
when it has not as many open runs as strategies that run: to count 600 runs costs Temporal a tenth of listing
them (20 ms in place of 300), and whatever comes in that moment waits behind it."""
PRICE_SOON, PRICE_SELDOM = timedelta(seconds=4), timedelta(minutes=1)
"""A filled order without a price is read again each round at first, then each minute until the close."""
PRICE_SOON_FOR = timedelta(seconds=30)
"""How long after its fill a price usually comes: Kite's is there within a second or two."""
PRICED_AFTER_CLOSE = timedelta(minutes=30)
"""The order book stays for the evening, and a fill of the last second has its price by then."""
ALERT_TIMES = (time(8, 30), time(9, 0))
"""Exchange time: when those who must log in, and those who still hold left-over shares, are told."""


STILL_AFTER = timedelta(seconds=90)
"""The reconciler that has not gone round for so long stands still. A round may take a minute (five hundred
runs to adopt), one that is lost with its worker is given up after five seconds, the next begins five seconds
later: no restart of ours keeps it waiting for longer than 75 s."""
STILL_MEANS = (
    "a run that was ended from outside is not taken over, a kill switch sells only what it told itself, late "
    "orders are not looked for and an emptied Redis is not filled. See that a worker of Temporal's current "
    "version runs and that Temporal answers (docs/operations.md, ReconcilerStill)"
)


def why_still(age: timedelta | None, watched_for: timedelta) -> str | None:
    """Return why the reconciler counts as stalled, None where it does not.

    `age` of its last round, None for never; `watched_for`: how long the asking process has been running.
    After a full stop the last round is as old as the stop: a process that has just started allows the time
    for one round.
    """
    if watched_for <= STILL_AFTER or (age is not None and age <= STILL_AFTER):
        return None
    since = "never" if age is None else f"{age.total_seconds():.0f} s ago"
    return f"The reconciler last went round {since}, and should every few seconds: {STILL_MEANS}."


@dataclass(frozen=True, slots=True)
class Slice:
    """The strategies whose id begins with `prefix`: a hexadecimal digit, or nothing for all of them."""

    prefix: str = ""

    @property
    def first(self) -> UUID:
        return UUID(self.prefix.ljust(32, "0"))

    @property
    def last(self) -> UUID:
        return UUID(self.prefix.ljust(32, "f"))


EVERYTHING = Slice()


@dataclass(frozen=True, slots=True)
class Look:
    """What a round compares besides what has just ended; `slice` counts from 0, None is everything."""

    slice: int | None = None

    @property
    def at(self) -> Slice:
        return EVERYTHING if self.slice is None else Slice(f"{self.slice % SLICES:x}")

    @property
    def thorough(self) -> bool:
        """Tell whether runs are compared one by one, and not by their number alone."""
        return self.slice is None or self.slice // SLICES % LIST_EVERY == 0


@dataclass(frozen=True, slots=True)
class Owned:
    """A strategy that is marked running, and the workflow that has to be open for it."""

    strategy_id: UUID
    workflow_id: str
    position: Position = Position.NONE


@dataclass(frozen=True, slots=True)
class RunningRow:
    """A strategy that is marked running: the START it was started by, and the run that owns it.

    The broker's numbers of its newest orders are for the runtime keys.
    """

    start: StartRun
    workflow_id: str
    run_id: str
    position: Position
    last_buy_order: str | None = None
    last_sell_order: str | None = None


@dataclass(frozen=True, slots=True)
class SoldRow:
    """A running strategy that holds no shares while its run has not begun to end."""

    strategy_id: UUID
    workflow_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class DoubtfulOrder:
    """An order of today that no run follows: sent and never seen, or found to have bought since.

    `bought` and `sold` are its strategy's totals.
    """

    start: StartRun
    attempt: Attempt
    terms: OrderTerms
    bought: int
    sold: int


@dataclass(frozen=True, slots=True)
class UnpricedOrder:
    """An order of today that is over and filled, and whose price the broker had not stated."""

    attempt: Attempt
    terms: OrderTerms


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The repairs of one round of the reconciler."""

    adopted: tuple[UUID, ...] = ()
    restored: tuple[UUID, ...] = ()
    late_entries: tuple[UUID, ...] = ()
    late_exits: tuple[UUID, ...] = ()
    away: tuple[str, ...] = ()
    """Parts that did not answer; their share of the work waits for the next round."""
    selling: tuple[UUID, ...] = ()
    """Strategies that a kill switch has told to sell."""
    told_sold: tuple[UUID, ...] = ()
    """Strategies whose runs were told that nothing is held any more."""
    priced: tuple[UUID, ...] = ()
    """Strategies whose fills have got their price."""
    begun: tuple[UUID, ...] = ()
    """Strategies whose next day had no run, and was begun."""


@dataclass(frozen=True, slots=True)
class Looked:
    """When the reconciler last checked for alerts; kept for its next history."""

    at: datetime


def due_alerts(since: datetime, now: datetime) -> tuple[time, ...]:
    """Return the alert times of day, exchange time, that lie after `since` and not after `now` (aware)."""
    since, now = exchange_time(since), exchange_time(now)
    return tuple(moment for moment in ALERT_TIMES if since < at(now.date(), moment) <= now)
