"""From a crossed stop to the run that must sell: again and again, until it is known to have arrived."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog

from domain.errors import Unavailable
from domain.failpoint import failpoint
from domain.ports import Clock, StopSignals, WatchedStrategy

AT_ONCE = 64
"""Signals on the way at the same time."""
PATIENCE = 3.0
"""Seconds for one signal (5 ms when all is well). The client's own retries wait up to 9 s on a dead server
and notice late that it is back; a signal that arrives twice does no harm."""
RETRY = 1.0
"""Seconds between two tries of a signal that did not arrive."""
REPEATS = (5.0, 10.0, 20.0, 30.0)
"""Seconds between signals that did arrive, while the price stays crossed and the run has not taken it.

An acknowledged signal is durable; repeating only guards against a run that lost it. A thousand runs signalled
every second would do nothing but read signals, and a history holds 50,000 events.
"""
_LOOK = 0.25

Gone = Callable[[WatchedStrategy], None]

log = structlog.stdlib.get_logger("stops")


@dataclass(slots=True, eq=False)
class _Hit:
    watched: WatchedStrategy
    price: Decimal
    tick_at: datetime | None
    seen_at: datetime
    arrived: int = 0
    again_at: float = 0.0
    queued: bool = False


class Dispatcher:
    """Sends STOPLOSS to runs, many at once, each at most once a second.

    A stop that was hit stays hit: a signal that did not arrive is tried again even when the price recovers.
    `gone` is told of a run that no longer exists.
    """

    def __init__(self, signals: StopSignals, clock: Clock, gone: Gone, at_once: int = AT_ONCE) -> None:
        self._signals = signals
        self._clock = clock
        self._gone = gone
        self._at_once = at_once
        self._hits: dict[UUID, _Hit] = {}
        self._queue: asyncio.Queue[_Hit] = asyncio.Queue()
        self.away = False

    @property
    def waiting(self) -> int:
        """Return how many hit stops have not arrived at their run."""
        return sum(not hit.arrived for hit in self._hits.values())

    def hit(
        self, watched: WatchedStrategy, price: Decimal, tick_at: datetime | None, seen_at: datetime
    ) -> None:
        """Say that the stop is crossed now; may be said as often as it is true."""
        hit = self._hits.get(watched.strategy_id)
        if hit is None or hit.watched.run_id != watched.run_id:
            hit = self._hits[watched.strategy_id] = _Hit(watched, price, tick_at, seen_at)
            log.info(
                "stop-loss hit",
                strategy_id=str(watched.strategy_id),
                instrument=watched.instrument,
                price=str(price),
                stop_loss=str(watched.stop_loss),
            )
        elif not hit.arrived or self._clock.monotonic() < hit.again_at:
            return
        else:
            hit.price, hit.tick_at, hit.seen_at = price, tick_at, seen_at
        self._enqueue(hit)

    def drop(self, strategy_id: UUID) -> None:
        """Forget a strategy: its run has taken the stop, or holds nothing any more."""
        self._hits.pop(strategy_id, None)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(self._work())
            group.create_task(self._retry())

    def _enqueue(self, hit: _Hit) -> None:
        if not hit.queued:
            hit.queued = True
            self._queue.put_nowait(hit)

    async def _retry(self) -> None:
        while True:
            await self._clock.sleep(_LOOK)
            now = self._clock.monotonic()
            for hit in self._hits.values():
                if not hit.arrived and now >= hit.again_at:
                    self._enqueue(hit)

    async def _work(self) -> None:
        while True:
            hit = await self._queue.get()
            try:
                if self._hits.get(hit.watched.strategy_id) is hit:
                    await self._send(hit)
            finally:
                hit.queued = False

    async def _send(self, hit: _Hit) -> None:
        # Set before the answer: however it ends, the next signal of this strategy is a second away.
        hit.again_at = self._clock.monotonic() + RETRY
        try:
            async with asyncio.timeout(PATIENCE):
                await failpoint("stop.crossed")
                taken = await self._signals.stop_loss(hit.watched, hit.price, hit.tick_at, hit.seen_at)
            await failpoint("stop.signalled")
        except (Unavailable, TimeoutError) as error:
            self._failed(hit, error)
        except Exception as error:  # a stop is never given up because of something nobody expected
            if not self.away:
                log.exception("a stop-loss signal failed in an unexpected way")
            self._failed(hit, error)
        else:
            self.away = False
            self._ended(hit, taken)

    def _ended(self, hit: _Hit, taken: bool) -> None:
        if taken:
            hit.again_at = self._clock.monotonic() + REPEATS[min(hit.arrived, len(REPEATS) - 1)]
            hit.arrived += 1
            return
        if self._hits.get(hit.watched.strategy_id) is hit:
            self.drop(hit.watched.strategy_id)
            log.warning("a stop-loss has no run to go to", strategy_id=str(hit.watched.strategy_id))
            self._gone(hit.watched)

    def _failed(self, hit: _Hit, error: Exception) -> None:
        hit.again_at = self._clock.monotonic() + RETRY
        if not self.away:
            log.error("stop-loss signals do not arrive; trying every second", error=type(error).__name__)
        self.away = True
