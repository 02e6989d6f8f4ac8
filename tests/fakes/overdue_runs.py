"""Overdue runs in memory, as a test puts them there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain.overdue import OverdueRun, StandingRun


@dataclass
class MemoryOverdueRuns:
    """Implements `domain.ports.OverdueRuns`: what is late is what the test says."""

    late: list[OverdueRun] = field(default_factory=list)
    stand: list[StandingRun] = field(default_factory=list)
    stopped: set[UUID] = field(default_factory=set)
    lines: dict[str, str] = field(default_factory=dict)

    async def overdue(self) -> Sequence[OverdueRun]:
        return list(self.late)

    async def standing(self, worker: str) -> Sequence[StandingRun]:
        return [one for one in self.stand if one.strategy_id not in self.stopped]

    async def running(self, strategy_ids: Collection[UUID]) -> frozenset[UUID]:
        return frozenset(strategy_ids) - self.stopped

    async def tell(self, run: OverdueRun, text: str) -> bool:
        first = run.once not in self.lines
        self.lines.setdefault(run.once, text)
        return first
