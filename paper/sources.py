"""Price sources of an instrument: its walk, minute bars, a script, or one fixed price."""

from collections.abc import Callable
from typing import Protocol

from paper.bars import Series
from paper.walk import STEP_SECONDS, Walk

Now = Callable[[], float]


class Source(Protocol):
    """Prices in paise."""

    def price(self) -> int:
        """Return the current price."""
        ...

    def passed(self) -> list[int]:
        """Return the prices traded since the last call, in order, ending with the current one."""
        ...


class Walking:
    """A seeded walk in elapsed time since the exchange's first start."""

    def __init__(self, walk: Walk, origin: float, wall: Now) -> None:
        self._walk = walk
        self._origin = origin
        self._wall = wall
        self._step = -1
        self._price = 0

    def price(self) -> int:
        step = int((self._wall() - self._origin) / STEP_SECONDS)
        if step != self._step:
            self._step, self._price = step, self._walk.price(step)
        return self._price

    def passed(self) -> list[int]:
        return [self.price()]


class Replaying:
    """Minute bars in the exchange's time."""

    def __init__(self, series: Series, tick: int, now: Now) -> None:
        self._series = series
        self._tick = tick
        self._now = now
        self._seen = now()

    def price(self) -> int:
        return self._snap(self._series.price(self._now()))

    def passed(self) -> list[int]:
        now = self._now()
        corners = self._series.corners(self._seen, now) if now > self._seen else []
        self._seen = now
        return [*(self._snap(price) for price in corners), self._snap(self._series.price(now))]

    def _snap(self, price: int) -> int:
        return round(price / self._tick) * self._tick


class Fixed:
    """One price until it is changed; a script sets the next one at its second."""

    def __init__(self, price: int) -> None:
        self._price = price

    def price(self) -> int:
        return self._price

    def passed(self) -> list[int]:
        return [self._price]
