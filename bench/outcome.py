"""Defines what a bench is given to work with, and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.people import Pace, User
from bench.spread import Samples

OURS, SIGNALS, BASELINE = "Stopwatch", "the signal path alone", "the baseline"
QUIET, ONCE, SEAM = "with nothing beside them", "beside the sale alone", "beside the sale and the next day"
"""Names of curves."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything; the defaults are what the figures are about."""

    accounts: int = 1000
    singles: int = 20
    sleepers: int = 10_000

    @property
    def is_full(self) -> bool:
        return self == Size()


@dataclass(slots=True)
class Outcome:
    """Figures, the raw samples behind them as `{chart: {curve: ms}}`, and facts of other kinds."""

    figures: list[Figure] = field(default_factory=list)
    samples: dict[str, dict[str, Samples]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def curve(self, chart: str, name: str, samples: Samples) -> None:
        """Keep the raw samples of one curve."""
        self.samples.setdefault(chart, {})[name] = samples

    def add(self, other: "Outcome") -> None:
        """Take in what another bench found."""
        self.figures += other.figures
        self.facts |= other.facts
        for chart, curves in other.samples.items():
            self.samples.setdefault(chart, {}).update(curves)


@dataclass(slots=True)
class Scene:
    """Where a run of benches happens. `users` stay from one product on `home` to the next.

    `pace` is how long one START takes when a thousand are pressed; the first herd goes by what is usual.
    """

    home: Path
    size: Size
    tell: Callable[[str], None]
    users: list[User] = field(default_factory=list)
    pace: Pace = field(default_factory=lambda: Pace(0.03))
