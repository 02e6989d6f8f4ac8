"""Bounds what one user may have at one time, so that no tenant takes the room of others.

| bound | of | beyond it |
|---|---|---|
| `streams` | open event streams of a user, in one API process | 429 `too_many_streams` |
| `streams_in_all` | open event streams of one API process | 503 `too_many_streams` |
| `strategies` | strategies of a user, stopped ones included | 409 `too_many_strategies` |
| `running` | running strategies of a user, those that are being started included | 409 `too_many_running` |
| `channels` | notification channels of a user | 409 `too_many_channels` |

Each is a setting of the operator's (docs/operations.md) and holds whatever STOPWATCH_THROTTLE says. What ends
or sells something is never bounded: STOP, the kill switch, a run that only sells.
"""

from dataclasses import dataclass

from services.errors import Conflict


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many of each; the defaults are those of the settings."""

    streams: int = 20
    streams_in_all: int = 10_000
    refused_stream_waits: float = 0.25
    """Seconds until a stream beyond the bound is refused: the pace of a client that tries again at once."""
    strategies: int = 2_000
    running: int = 1_000
    channels: int = 5


USUAL = Bounds()


def too_many_strategies(most: int) -> Conflict:
    """Return the refusal of one more strategy."""
    return Conflict(
        "too_many_strategies",
        f"You have {most} strategies, which is the most: delete one that you do not need, then create this.",
    )


def too_many_running(most: int) -> Conflict:
    """Return the refusal of one more START."""
    return Conflict(
        "too_many_running",
        f"{most} of your strategies are running, which is the most: stop one, or wait until one has ended, "
        "then start this one.",
    )


def too_many_channels(most: int) -> Conflict:
    """Return the refusal of one more channel."""
    return Conflict("too_many_channels", f"You have {most} channels, which is the most: remove one first.")
