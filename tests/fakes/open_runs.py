"""Temporal's list of runs, in memory."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.errors import Unavailable
from domain.limits import LimitName
from domain.ports import Clock
from domain.reconciler import Slice
from domain.run import RUN_PREFIX, StartRun
from tests.fakes.starts import id_of


@dataclass
class MemoryOpenRuns:
    """Implements `domain.ports.OpenRuns`. `away` does not answer; a run in `deaf` takes no word."""

    clock: Clock
    open: dict[str, datetime] = field(default_factory=dict)
    """When each open run was started, by workflow id."""
    ended: dict[UUID, datetime] = field(default_factory=dict)
    adopted: list[StartRun] = field(default_factory=list)
    told_to_sell: list[str] = field(default_factory=list)
    limits: dict[str, LimitName] = field(default_factory=dict)
    """The limit by which a run was told to sell, by workflow id."""
    told_sold: list[str] = field(default_factory=list)
    begun: list[StartRun] = field(default_factory=list)
    told_plan_anew: list[str] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)
    away: bool = False

    async def open_ids(self, part: Slice) -> frozenset[str]:
        self._reach()
        return frozenset(one for one in self.open if one.startswith(RUN_PREFIX + part.prefix))

    async def open_count(self, part: Slice, started_before: datetime) -> int:
        found = await self.open_ids(part)
        return sum(self.open[one] < started_before for one in found)

    async def ended_since(self, instant: datetime) -> frozenset[UUID]:
        self._reach()
        return frozenset(one for one, at in self.ended.items() if at > instant)

    async def is_open(self, workflow_id: str) -> bool:
        self._reach()
        return workflow_id in self.open

    async def sell(
        self, workflow_id: str, run_id: str, limit: LimitName | None = None, *, by_operator: bool = False
    ) -> bool:
        self._reach(workflow_id)
        if workflow_id not in self.open:
            return False
        self.told_to_sell.append(workflow_id)
        if limit is not None:
            self.limits[workflow_id] = limit
        return True

    async def tell_sold(self, workflow_id: str, run_id: str) -> None:
        self._reach(workflow_id)
        if workflow_id in self.open:
            self.told_sold.append(workflow_id)

    async def adopt(self, start: StartRun) -> None:
        self._reach()
        self.adopted.append(start)
        self.open.setdefault(id_of(start), self.clock.now())

    async def begin(self, start: StartRun) -> None:
        self._reach()
        if id_of(start) not in self.open:
            self.begun.append(start)
            self.open[id_of(start)] = self.clock.now()

    async def tell_plan_anew(self, workflow_id: str, run_id: str) -> None:
        self._reach(workflow_id)
        if workflow_id in self.open:
            self.told_plan_anew.append(workflow_id)

    def cut_short(self, start: StartRun) -> None:
        """End a run from outside, as an operator would."""
        del self.open[id_of(start)]
        self.ended[start.strategy.strategy_id] = self.clock.now()

    def _reach(self, workflow_id: str = "") -> None:
        if self.away or workflow_id in self.deaf:
            raise Unavailable("Temporal does not answer")
