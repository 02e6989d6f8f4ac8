"""Sends each crossed stop to the run that must sell, again and again until it has arrived.

The event goes first to the workers' queue, from which the order is sent at once; the signal to the run is the
durable path. A signal costs the machine about 7 ms, so a thousand of them would fight with a thousand orders
for the processor: what the queue has taken is signalled a little later, and at a bounded rate.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from domain.errors import Unavailable
from domain.failpoint import failpoint
from domain.hit_stop import HitStop
from domain.ports import Clock, FastStops, StopSignals
from domain.run import PriceHit
from domain.trigger import TriggerKind
from domain.watched_strategy import WatchedStrategy
from listener.crossing import Crossing
from listener.fast_path import FastPath

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
HANDFUL = 4
SOON = 0.02
"""So many signals a second are sent so soon, although the queue has their event: 30 ms of work that delays
no order and leaves nothing to the fast path alone. Sent at once they would hold up the order itself: it left
4 ms later (measured)."""
LATER = 1.0
"""Seconds after which the other signals begin: by then the orders of a thousand stops have left."""
BETWEEN = 1 / 150
"""Seconds between those signals: a little more than a small server takes in, so they are no later than if
they had been sent at once."""
_LOOK = 0.05

_SAID = {TriggerKind.STOP: "stop-loss hit", TriggerKind.TARGET: "target hit"}

Gone = Callable[[WatchedStrategy], None]

log = structlog.stdlib.get_logger("stops")


@dataclass(slots=True, eq=False)
class _Hit:
    crossing: Crossing
    again_at: float
    arrived: int = 0
    told: bool = False
    queued: bool = False

    @property
    def watched(self) -> WatchedStrategy:
        return self.crossing.watched


class Dispatcher:
    """Sends STOPLOSS to runs, many at once, each at most once a second.

    A stop that was hit stays hit: a signal that did not arrive is tried again even when the price recovers.
    `gone` is told of a run that no longer exists.
    """

    def __init__(
        self, signals: StopSignals, fast: FastStops, clock: Clock, gone: Gone, at_once: int = AT_ONCE
    ) -> None:
        self._signals = signals
        self._fast = FastPath(fast, self._put, clock)
        self._clock = clock
        self._gone = gone
        self._at_once = at_once
        self._hits: dict[UUID, _Hit] = {}
        self._queue: asyncio.Queue[_Hit] = asyncio.Queue()
        self._handful_until = 0.0
        self._handful = 0
        self._next_later = 0.0
        self.away = False

    @property
    def waiting(self) -> int:
        """Return how many hit stops have not arrived at their run."""
        return sum(not hit.arrived for hit in self._hits.values())

    def hit(self, crossings: Iterable[Crossing]) -> None:
        """Say that these stops are crossed now; may be said as often as it is true."""
        now = self._clock.monotonic()
        new = []
        for crossing in sorted(crossings, key=Crossing.order):
            hit = self._hits.get(crossing.watched.strategy_id)
            if hit is None or hit.watched.run_id != crossing.watched.run_id:
                hit = self._new(crossing, now)
                new.append(hit)
            elif hit.arrived and now >= hit.again_at:
                hit.crossing = crossing
                self._enqueue(hit)
        # Once each: an event that comes late could meet a run that sells without Postgres
        # (domain.scheduled_order).
        self._fast.put(self._events(new))
        if self._fast.away:
            for hit in new:
                self._enqueue(hit)

    def owes(self, strategy_id: UUID) -> bool:
        """Tell whether a stop was hit whose signal has not arrived."""
        hit = self._hits.get(strategy_id)
        return hit is not None and not hit.arrived

    def drop(self, strategy_id: UUID) -> None:
        """Forget a strategy: its run has taken the stop, or holds nothing any more."""
        self._hits.pop(strategy_id, None)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(self._work())
            group.create_task(self._retry())
            group.create_task(self._fast.run())

    def _events(self, new: Sequence[_Hit]) -> Sequence[HitStop]:
        """Return the events of new hits, said now: a price may act that was seen long before."""
        if not new:
            return ()
        now = self._clock.now()
        return [_event(hit.crossing, now) for hit in new]

    def _new(self, crossing: Crossing, now: float) -> _Hit:
        hit = self._hits[crossing.watched.strategy_id] = _Hit(crossing, now + RETRY)
        return hit

    def _is_handful(self, count: int, now: float) -> bool:
        if now >= self._handful_until:
            self._handful_until, self._handful = now + RETRY, 0
        self._handful += count
        return self._handful <= HANDFUL

    def _put(self, strategy_ids: Sequence[UUID], arrived: bool) -> None:
        """Take note that events were put: their signals have time. If they were not, they have none."""
        now = self._clock.monotonic()
        handful = self._is_handful(len(strategy_ids), now)
        for hit in filter(None, map(self._hits.get, strategy_ids)):
            if hit.arrived or hit.told or hit.queued:
                continue
            if arrived and handful:
                hit.again_at = now + SOON
            elif arrived:
                self._next_later = max(self._next_later + BETWEEN, now + LATER)
                hit.again_at = self._next_later
            else:
                self._enqueue(hit)

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
        with structlog.contextvars.bound_contextvars(**_ids(hit.watched)):
            self._tell(hit)
            await self._signal(hit)

    async def _signal(self, hit: _Hit) -> None:
        found = hit.crossing
        try:
            async with asyncio.timeout(PATIENCE):
                await failpoint("stop.crossed")
                hit_by = PriceHit(found.price, found.tick_at, found.seen_at, found.peak)
                taken = await self._signals.hit(found.watched, found.trigger.kind, hit_by)
            await failpoint("stop.signalled")
        except (Unavailable, TimeoutError) as error:
            self._failed(hit, error)
        except Exception as error:  # no unexpected error ends a stop
            if not self.away:
                log.exception("a stop-loss signal failed in an unexpected way")
            self._failed(hit, error)
        else:
            self.away = False
            self._ended(hit, taken)

    def _tell(self, hit: _Hit) -> None:
        # Not where the stop is found to be hit: a thousand lines would come before a thousand orders.
        if not hit.told:
            hit.told = True
            log.info(
                _SAID[hit.crossing.trigger.kind],
                instrument=hit.watched.instrument,
                price=str(hit.crossing.price),
                level=str(hit.crossing.trigger.level),
            )

    def _ended(self, hit: _Hit, taken: bool) -> None:
        if taken:
            hit.again_at = self._clock.monotonic() + REPEATS[min(hit.arrived, len(REPEATS) - 1)]
            hit.arrived += 1
            return
        if self._hits.get(hit.watched.strategy_id) is hit:
            self.drop(hit.watched.strategy_id)
            log.warning("a stop-loss has no run to go to")
            self._gone(hit.watched)

    def _failed(self, hit: _Hit, error: Exception) -> None:
        hit.again_at = self._clock.monotonic() + RETRY
        if not self.away:
            log.error("stop-loss signals do not arrive; trying every second", error=type(error).__name__)
        self.away = True


def _event(found: Crossing, now: datetime) -> HitStop:
    return HitStop(found.watched.strategy_id, found.price, now, found.trigger.kind, found.peak)


def _ids(watched: WatchedStrategy) -> dict[str, str]:
    return {
        "user_id": str(watched.user_id),
        "strategy_id": str(watched.strategy_id),
        "workflow_id": watched.workflow_id,
        "run_id": watched.run_id,
    }
