"""What operators have to act on, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.errors import StoreUnavailable
from domain.operator_alerts import LeftOver, LoginNeeded
from domain.run import StartRun


@dataclass
class MemoryOperatorAlerts:
    """Implements `domain.ports.OperatorAlerts` for what a test puts in. `away` answers nothing."""

    needed: list[LoginNeeded] = field(default_factory=list)
    left: list[LeftOver] = field(default_factory=list)
    entries: list[StartRun] = field(default_factory=list)
    asked: list[datetime] = field(default_factory=list)
    away: bool = False

    async def logins_needed(self, now: datetime) -> Sequence[LoginNeeded]:
        self._reach()
        self.asked.append(now)
        return sorted((one for one in self.needed if one.due_at > now), key=lambda one: one.due_at)

    async def entries_due(self, now: datetime) -> Sequence[StartRun]:
        self._reach()
        return sorted((one for one in self.entries if one.plan.buy_at > now), key=lambda one: one.plan.buy_at)

    async def left_over(self) -> Sequence[LeftOver]:
        self._reach()
        return sorted(self.left, key=lambda one: one.since)

    def _reach(self) -> None:
        if self.away:
            raise StoreUnavailable("Postgres does not answer")
