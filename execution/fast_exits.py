"""The fast path of a stop-loss: sales leave as soon as the listener says so, ahead of their runs.

The run hears of the stop by its signal, finds the order there, and goes on. Nothing depends on this path: an
event that is lost, late or doubled changes nothing but the milliseconds. Which events may sell is a table in
`domain.hit_stop`; the price is judged by the stop that the store holds, whatever the event says of it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from domain.errors import CacheUnavailable, StoreUnavailable
from domain.hit_stop import Dropped, HitStop, is_in_time
from domain.ports import Clock, ScheduledOrderLog, StopQueue
from execution.scheduled_orders import ScheduledOrders

AGAIN = 0.5
"""Seconds after which the queue is asked again when a part is away."""
SAY_EVERY = 60.0
"""Seconds between two log lines about dropped events: a flooded queue does not flood the log."""

Count = Callable[[Dropped, int], None]

log = logging.getLogger("fast")


class FastExits:
    """Takes strategies whose stop is hit from the queue and sells what they hold.

    `dropped` is told of the events that sell nothing.
    """

    def __init__(
        self,
        queue: StopQueue,
        orders: ScheduledOrderLog,
        armed: ScheduledOrders,
        clock: Clock,
        dropped: Count,
    ) -> None:
        self._queue = queue
        self._orders = orders
        self._armed = armed
        self._clock = clock
        self._dropped = dropped
        self._away = False
        self._silent_until = 0.0

    async def run(self) -> None:
        """Sell until cancelled."""
        while True:
            try:
                await self._sell_next()
                self._away = False
            except (CacheUnavailable, StoreUnavailable) as away:
                if not self._away:
                    log.warning("stops go by their signals alone: %s", away)
                self._away = True
                await self._clock.sleep(AGAIN)
            except Exception:  # whatever stood in the queue, the next stop is sold
                log.exception("an event of a hit stop failed in an unexpected way")
                await self._clock.sleep(AGAIN)

    async def _sell_next(self) -> None:
        taken = await self._queue.take()
        self._drop(taken.dropped)
        hit = self._in_time(taken.stops)
        if not hit:
            return
        for sale in await self._orders.at_their_stop(list(hit), self._clock.now()):
            at_price = sale.sale_at(hit[sale.strategy_id])
            if at_price is not None:
                self._armed.take(at_price)
            else:
                self._drop({Dropped.PRICE: 1})

    def _in_time(self, stops: Sequence[HitStop]) -> Mapping[UUID, HitStop]:
        now = self._clock.now()
        young = {stop.strategy_id: stop for stop in stops if is_in_time(stop, now)}
        if len(young) < len(stops):
            self._drop({Dropped.OLD: len(stops) - len(young)})
        return young

    def _drop(self, dropped: Mapping[Dropped, int]) -> None:
        for why, count in dropped.items():
            self._dropped(why, count)
        if dropped and self._clock.monotonic() >= self._silent_until:
            self._silent_until = self._clock.monotonic() + SAY_EVERY
            words = ", ".join(f"{why} {count}" for why, count in dropped.items())
            log.warning("events of hit stops were dropped and sold nothing: %s", words)
