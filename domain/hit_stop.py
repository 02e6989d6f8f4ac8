"""Events of hit stops on the fast path, and which of them may sell.

An event is a word of the listener. The queue between it and the workers is not believed: any program that
reaches Redis can write there. Whether an event sells:

| the event                                          | becomes of it            |
|----------------------------------------------------|--------------------------|
| cannot be read, or is not signed                   | dropped, `unsigned`      |
| was said more than `LASTS` ago, or so far ahead    | dropped, `old`           |
| was not taken from the queue within a second       | dropped, `old`           |
| its price is not at the trigger by what Postgres   | dropped, `price`         |
| holds and the peak it names                        |                          |
| it was said before its round was bought            | dropped, `price`         |
| anything else                                      | sells, ahead of its run  |

What is dropped is counted. A stop that was hit is lost by none of this: its signal to the run is durable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.trigger import TriggerKind

LASTS = timedelta(seconds=5)
"""How far the clocks of listener and worker, and the way between them, may be apart. A price acts as long."""


class Dropped(StrEnum):
    """Why an event of a hit stop sells nothing."""

    UNSIGNED = "unsigned"
    OLD = "old"
    PRICE = "price"


@dataclass(frozen=True, slots=True)
class HitStop:
    """A strategy's stop, or its target, was hit by `price`; the listener said so `at` that instant.

    `peak`: the highest price since the fill, where the stop follows it.
    """

    strategy_id: UUID
    price: Decimal
    at: datetime
    kind: TriggerKind = TriggerKind.STOP
    peak: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TakenStops:
    """What a worker takes from the queue: signed events, and how many of the others were dropped, and why."""

    stops: Sequence[HitStop] = ()
    dropped: Mapping[Dropped, int] = field(default_factory=dict)


def is_in_time(stop: HitStop, now: datetime) -> bool:
    """Tell whether an event is young enough to sell; one from the future is a replay or a wrong clock."""
    return abs(now - stop.at) <= LASTS
