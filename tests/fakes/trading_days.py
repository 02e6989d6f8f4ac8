"""A calendar that a test changes while a worker trades."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.session import ClosedDay, Session, TradingCalendar

Word = Session | ClosedDay | CalendarUnknown | None


@dataclass
class MemoryTradingDays:
    """Implements `domain.ports.TradingDays`. Every day trades at all hours until a test says otherwise.

    `says` is of every day; `trades` is a calendar of its own, for days that differ.
    """

    says: Word = None
    asked: list[tuple[date, Segment]] = field(default_factory=list)
    trades: TradingCalendar | None = None

    async def look_up(self, day: date, segment: Segment) -> Session | ClosedDay:
        self.asked.append((day, segment))
        return (await self.calendar()).look_up(day, segment)

    async def calendar(self) -> TradingCalendar:
        return self.trades or SameEveryDay(self.says)


@dataclass(frozen=True)
class SameEveryDay:
    """A trading calendar of one word for all days; `Weekdays` is the fake that the contract suite holds."""

    says: Word = None

    @property
    def name(self) -> str:
        return "always-open"

    @property
    def known_to(self) -> None:
        return None

    @property
    def last_day(self) -> None:
        return None

    def look_up(self, day: date, segment: Segment) -> Session | ClosedDay:
        if isinstance(self.says, CalendarUnknown):
            raise self.says
        return self.says or Session(day, datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))

    def session(self, day: date, segment: Segment) -> Session | None:
        found = self.look_up(day, segment)
        return found if isinstance(found, Session) else None

    def mis_cutoff(self, day: date, segment: Segment) -> datetime | None:
        return None
