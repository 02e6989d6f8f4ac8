"""Decides from which moment on a held stop counts as unwatched.

Listeners say which stops they watch; a worker, the API and `stopwatch positions` read how long ago each held
one was named last, by Postgres' clock. Redis has no part in it.

    since a listener last named the stop, the shares were      what follows
    bought, or Postgres began: the latest of the three
    10 s at most                                               nothing
    longer                                                     alarm `unwatched`, not ready, `positions`

Watched is a stop that is armed in the book of a listener that has judged its book in the last five seconds. A
stop whose price cannot be had is watched: its listener tells of that itself (`stop_unwatched`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.run import Alarm
from domain.timeline import moment_text

NAMED_EVERY = timedelta(seconds=3)
"""How often a listener says which stops it watches."""
UNWATCHED_AFTER = timedelta(seconds=10)
"""Three words that did not come; with a look every two seconds an alarm comes within 15 s."""
MOST_NAMED = 10
"""Strategies that one alarm names."""
UNWATCHED_ADVICE = (
    "See that a listener runs and reaches Postgres (docs/operations.md, StopsUnwatched). Until then look at "
    "the price at the broker, and sell there, or by STOP here, what is at its stop."
)


@dataclass(frozen=True, slots=True)
class HeldStop:
    """A strategy that holds shares and is not ending, and when its stop was last known to be watched."""

    strategy_id: UUID
    user_id: UUID
    email: str
    exchange: str
    symbol: str
    product: str
    quantity: int
    watched_at: datetime


@dataclass(frozen=True, slots=True)
class HeldPrice:
    """A last price that may act, and how long ago it was true."""

    price: Decimal
    age: timedelta = timedelta()


def unwatched_alarm(stops: Sequence[HeldStop]) -> Alarm:
    """Return the alarm for held stops that no listener watches; `stops` has at least one."""
    since = min(stop.watched_at for stop in stops)
    names = ", ".join(f"{stop.exchange}:{stop.symbol} ×{stop.quantity}" for stop in stops[:MOST_NAMED])
    more = f" and {len(stops) - MOST_NAMED} more" if len(stops) > MOST_NAMED else ""
    users = {stop.user_id for stop in stops}
    return Alarm(
        "unwatched",
        f"NO LISTENER HAS WATCHED {len(stops)} HELD STOP(S) since {moment_text(since)}: {names}{more}. "
        f"{UNWATCHED_ADVICE}",
        next(iter(users)) if len(users) == 1 else None,
        stops[0].strategy_id if len(stops) == 1 else None,
        {
            "since": since.isoformat(),
            "strategies": " ".join(str(stop.strategy_id) for stop in stops[:MOST_NAMED]),
        },
    )


def why_unwatched(longest: timedelta | None) -> str | None:
    """Return why the held stops count as unwatched, None where they do not.

    `longest`: how long ago the held stop was named that waits longest; None where none is held.
    """
    if longest is None or longest <= UNWATCHED_AFTER:
        return None
    return (
        f"A held stop was last watched {longest.total_seconds():.0f} s ago; its listener says so every "
        f"{NAMED_EVERY.total_seconds():.0f} s. {UNWATCHED_ADVICE}"
    )
