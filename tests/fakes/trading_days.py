"""A calendar that a test changes while a worker trades."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.session import ClosedDay, Session


@dataclass
class MemoryTradingDays:
    """Implements `domain.ports.TradingDays`. Every day trades at all hours until a test says otherwise."""

    says: Session | ClosedDay | CalendarUnknown | None = None
    asked: list[tuple[date, Segment]] = field(default_factory=list)

    async def look_up(self, day: date, segment: Segment) -> Session | ClosedDay:
        self.asked.append((day, segment))
        if isinstance(self.says, CalendarUnknown):
            raise self.says
        return self.says or Session(day, datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
