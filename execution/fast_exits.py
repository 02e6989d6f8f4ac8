"""The fast path of a stop-loss: sales leave as soon as the listener says so, ahead of their runs.

The run hears of the stop by its signal, finds the order there, and goes on. Nothing depends on this path: an
event that is lost, late or doubled changes nothing but the milliseconds.
"""

import logging

from domain.errors import CacheUnavailable, StoreUnavailable
from domain.ports import Clock, ScheduledOrderLog, StopQueue
from execution.scheduled_orders import ScheduledOrders

AGAIN = 0.5
"""Seconds after which the queue is asked again when a part is away."""

log = logging.getLogger("fast")


class FastExits:
    """Takes strategies whose stop is hit from the queue and sells what they hold."""

    def __init__(
        self, queue: StopQueue, orders: ScheduledOrderLog, armed: ScheduledOrders, clock: Clock
    ) -> None:
        self._queue = queue
        self._orders = orders
        self._armed = armed
        self._clock = clock
        self._away = False

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

    async def _sell_next(self) -> None:
        hit = await self._queue.take()
        if hit:
            for held in await self._orders.at_their_stop(hit, self._clock.now()):
                self._armed.take(held)
