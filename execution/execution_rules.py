"""Holds how long the executor waits, as the settings say."""

from dataclasses import dataclass, field
from datetime import timedelta

from domain.leg import Horizons

RETRY_EVERY = 0.2
"""Seconds between two tries of something that must be there before buy_time's five seconds are over."""


@dataclass(frozen=True, slots=True)
class ExecutionRules:
    """Seconds an order may rest before it is cancelled, horizons of look-ups, and what late means.

    `missed_after`: how late an entry may still be sent (seed, section 12 C: 5 seconds).
    """

    entry_fill: float = 10
    exit_fill: float = 10
    horizons: Horizons = field(default_factory=Horizons)
    missed_after: timedelta = timedelta(seconds=5)
