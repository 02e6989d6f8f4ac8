"""The exchange's clock, which a test may move, and the timestamps of Kite's rows."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

IST = timezone(timedelta(hours=5, minutes=30), "IST")
IST_OFFSET = 19_800
UNIX_DAY_ONE = date(1970, 1, 1).toordinal()


class Clock:
    """The exchange's session clock: decides trading hours, the trading day and where a bar replay stands."""

    def __init__(self, wall: Callable[[], float] = time.time, speed: float = 1.0) -> None:
        self.wall = wall
        self._anchor_wall = wall()
        self._anchor = self._anchor_wall
        self.speed = speed

    def now(self) -> float:
        """Return exchange time, epoch seconds."""
        return self._anchor + (self.wall() - self._anchor_wall) * self.speed

    def move(self, now: float | None = None, speed: float | None = None) -> None:
        """Set the time, the speed, or both; an omitted one stays."""
        moment = self.now() if now is None else now
        self._anchor_wall = self.wall()
        self._anchor = moment
        self.speed = self.speed if speed is None else speed

    def iso(self) -> str:
        """Return exchange time, ISO 8601 with its offset."""
        return ist(self.now()).isoformat()

    def today(self) -> str:
        """Return the exchange's date, ISO."""
        return day_of(self.now())


def day_of(epoch: float) -> str:
    """Return the IST date of an instant, ISO."""
    return _day_text(int(epoch + IST_OFFSET) // 86_400)


@lru_cache(maxsize=64)
def _day_text(days: int) -> str:
    return date.fromordinal(UNIX_DAY_ONE + days).isoformat()


class Stamps:
    """Kite's `yyyy-mm-dd hh:mm:ss` in IST; one second is formatted once."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, epoch: float) -> str:
        second = int(epoch)
        if second != self._second:
            self._text = datetime.fromtimestamp(second, IST).strftime("%Y-%m-%d %H:%M:%S")
            self._second = second
        return self._text


def ist(epoch: float) -> datetime:
    """Convert an instant to exchange time."""
    return datetime.fromtimestamp(epoch, IST)


def parse_instant(text: str) -> float:
    """Read an ISO date and time; without an offset it is exchange time.

    Raises ValueError when it is not one.
    """
    value = datetime.fromisoformat(text)
    return (value if value.tzinfo else value.replace(tzinfo=IST)).astimezone(UTC).timestamp()
