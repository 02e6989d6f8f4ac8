"""Named places where a test may make a process die, stop or fail. Production arms none.

A system that claims to survive a crash at any step must be crashed at every step: each step of the order
protocol has a name here, and a test fails when one was never hit.
"""

from collections.abc import Awaitable, Callable

Action = Callable[[str], Awaitable[None]]

STEPS = (
    "start.received",  # the API has START, Temporal has not
    "start.confirmed",  # the run is written down, the user has no answer yet
    "activate.begun",
    "activate.written",  # Postgres says running, Redis has no keys
    "activate.loaded",
    "entry.armed",  # stored as scheduled by this worker, before it is in its memory
    "entry.holding",
    "entry.planned",  # the intent is committed
    "entry.claimed",  # the right to send is ours, nothing has left
    "entry.sent",  # the broker has answered, or not; nothing is written
    "entry.answered",
    "entry.seen",  # the order book shows it, Postgres does not
    "entry.written",  # Postgres shows the fill, the run does not know
    "stop.crossed",  # only the listener has seen the price
    "stop.signalled",
    "exit.armed",
    "exit.holding",
    "exit.planned",
    "exit.claimed",
    "exit.sent",
    "exit.answered",
    "exit.seen",
    "exit.written",
    "finish.begun",
    "finish.dropped",  # the Redis keys are gone, Postgres says running
    "finish.written",
)

CHASE_STEPS = (
    "entry.moving",  # a new price is written down, the broker has not been asked
    "entry.moved",  # it has been asked, and answered or not
)
"""Passed by an entry that chases the price, and by no other."""

STOP_STEPS = (
    "exit.changing",  # a change of a stop at the exchange is written down, the broker has not been asked
    "exit.changed",  # it has been asked, and answered or not
)
"""Passed by a stop that rests at the exchange when it is moved or sells, and by no other order."""

SERIES_STEPS = (
    "end_day.begun",
    "end_day.written",  # the day's end and the next START are committed, the run does not know
    "begin_next.begun",
    "begin_next.begun_it",  # the next run is open, the one before it does not know
    "plan_anew.begun",
    "plan_anew.written",  # the day that waits is bound, or another START is in its place
)
"""Passed between two days of a strategy that repeats, and by no other."""

_action: list[Action] = []


def arm(action: Action) -> None:
    """Call `action` with the name of every step this process passes; for harnesses only."""
    _action[:] = [action]


def disarm() -> None:
    """Remove the action again."""
    _action.clear()


async def failpoint(step: str) -> None:
    """Pass a named step."""
    if _action:
        await _action[0](step)
