"""Alarms in memory, in the order they were raised."""

from dataclasses import dataclass, field

from domain.run import Alarm


@dataclass
class MemoryAlerts:
    """Implements `domain.ports.Alerts`."""

    raised: list[Alarm] = field(default_factory=list)

    async def raise_(self, alarm: Alarm) -> None:
        self.raised.append(alarm)
