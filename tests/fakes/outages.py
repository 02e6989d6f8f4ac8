"""Outages in memory, as a test tells them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.outage import Outage


@dataclass
class MemoryOutages:
    """Implements `domain.ports.Outages`."""

    known: list[Outage] = field(default_factory=list)
    told: list[Outage] = field(default_factory=list)

    async def woke(self, worker: str) -> Outage | None:
        return self.known[-1] if self.known else None

    async def since(self, instant: datetime) -> Sequence[Outage]:
        return [one for one in self.known if one.ended_at > instant]

    async def tell_unwatched(self, outage: Outage) -> int:
        self.told.append(outage)
        return 1
