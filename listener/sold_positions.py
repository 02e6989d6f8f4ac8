"""Tells runs whose shares are sold, whatever sold them, until each has ended.

A run hears of a sale that left ahead of it by its STOPLOSS signal. That signal may never have been sent: the
listener died, the event came from another source, the row moved on first. A position that is sold and a run
that goes on is a state, not a moment, so it is told again and again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from domain.errors import Unavailable
from domain.ports import Clock, StopSignals
from domain.strategy import Phase, Position
from domain.watched_strategy import WatchedStrategy
from listener.dispatcher import PATIENCE

GRACE = 0.6
"""Seconds a run gets to end by itself: it hears of most sales within a tenth of that."""
REPEATS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until a run is told again."""
AT_ONCE = 10
"""Runs told in one look: a thousand stopped out at once end by themselves, and need the server for it."""
LOOK_EVERY = 0.2

Owes = Callable[[UUID], bool]
"""Tells whether a STOPLOSS signal of that strategy is still to arrive."""

log = structlog.stdlib.get_logger("stops")


@dataclass(slots=True)
class _Sold:
    watched: WatchedStrategy
    next_at: float
    told: int = 0


class SoldPositions:
    """Keeps the running strategies that hold nothing any more, and signals SOLD to their runs."""

    def __init__(self, signals: StopSignals, owes: Owes, clock: Clock) -> None:
        self._signals = signals
        self._owes = owes
        self._clock = clock
        self._sold: dict[UUID, _Sold] = {}

    def __len__(self) -> int:
        return len(self._sold)

    def note(self, watched: WatchedStrategy) -> None:
        """Take a strategy as it is now."""
        if not _is_unended(watched):
            self.forget(watched.strategy_id)
            return
        known = self._sold.get(watched.strategy_id)
        if known is None or known.watched.run_id != watched.run_id:
            self._sold[watched.strategy_id] = _Sold(watched, self._clock.monotonic() + GRACE)

    def forget(self, strategy_id: UUID) -> None:
        """Drop a strategy: it has stopped, or another listener watches it."""
        self._sold.pop(strategy_id, None)

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await asyncio.gather(*map(self._tell, self._due()))
            await self._clock.sleep(LOOK_EVERY)

    def _due(self) -> list[_Sold]:
        now = self._clock.monotonic()
        due = (one for one in self._sold.values() if now >= one.next_at)
        untold = [one for one in due if not self._owes(one.watched.strategy_id)]
        return sorted(untold, key=lambda one: one.next_at)[:AT_ONCE]

    async def _tell(self, sold: _Sold) -> None:
        sold.next_at = self._clock.monotonic() + REPEATS[min(sold.told, len(REPEATS) - 1)]
        try:
            async with asyncio.timeout(PATIENCE):
                await self._signals.sold(sold.watched)
        except (Unavailable, TimeoutError) as away:
            log.warning("a run whose shares are sold could not be told", reason=type(away).__name__)
            return
        sold.told += 1
        log.info("told a run that its shares are sold", strategy_id=str(sold.watched.strategy_id))


def _is_unended(watched: WatchedStrategy) -> bool:
    return watched.position is Position.SOLD and watched.phase in (Phase.ENTERING, Phase.HOLDING)
