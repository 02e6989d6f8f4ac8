"""The series of days, as the worker carries them on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.run import StartRun
from domain.series import (
    EndDay,
    PlanAnew,
)
from domain.strategy import Strategy


@dataclass(frozen=True, slots=True)
class SeriesState:
    """An open series: the terms that its strategy has now, and the days that its user leaves out.

    `last_day`: the last one that is over, None before the first. `asked_on`: since when its prices are in
    question, None while they are not.
    """

    strategy: Strategy
    left_out: frozenset[date] = frozenset()
    last_day: date | None = None
    asked_on: date | None = None


@dataclass(frozen=True, slots=True)
class WaitingDay:
    """A day of a series that waits with a run. `state` is None where the series has ended."""

    start: StartRun
    workflow_id: str
    run_id: str
    state: SeriesState | None


class Bound(StrEnum):
    """What became of fixing the terms of a day that waits."""

    BOUND = "bound"
    EDITED = "edited"
    """Its terms are others by now: it is to be planned anew."""
    OVER = "over"
    """Its series has ended."""
    IN_QUESTION = "in_question"
    """Its prices are in question: the day buys nothing."""


class SeriesStore(Protocol):
    """The series of all users. What was planned by what is no longer so raises `PlanIsOld`."""

    async def state(self, start: StartRun) -> SeriesState | None:
        """Return the series of a START as it stands; None where it has ended."""
        ...

    async def end_day(self, request: EndDay, following: StartRun | None) -> StartRun | None:
        """Write the end of a day down, and the START that follows it, in one transaction. Idempotent.

        `following` is None where no day follows. Returns the START of which no run has begun.
        """
        ...

    async def plan_anew(self, request: PlanAnew, following: StartRun) -> StartRun | None:
        """Put another START in the place of one that waits. Idempotent; returns as `end_day`."""
        ...

    async def bind(self, request: PlanAnew) -> Bound:
        """Fix the terms of a waiting day, where they are still those of its START. Idempotent."""
        ...

    async def pending(self, strategy_id: UUID) -> StartRun | None:
        """Return the START of a strategy's next day while no run of it has begun."""
        ...

    async def all_pending(self, since: timedelta) -> Sequence[StartRun]:
        """Return the STARTs that were written so long ago and of which no run has begun."""
        ...

    async def all_over(self) -> Sequence[WaitingDay]:
        """Return the days that wait with a run although their series was ended in the last day."""
        ...

    async def waiting(self, first: UUID, last: UUID) -> Sequence[WaitingDay]:
        """Return the days of series that wait with a run, of strategies between two ids."""
        ...
