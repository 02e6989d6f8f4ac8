"""The orders a worker holds: each leaves at its instant, without the run and without a server between.

What a worker holds is in Postgres as well, with its name. It says twice a second that it is alive; what a
dead one held is taken over by the others before its time, or, if it died at the last moment, just after it.
"""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from datetime import datetime, timedelta

from structlog.contextvars import bind_contextvars

from domain.errors import LoginNeeded, StopwatchError, StoreUnavailable
from domain.failpoint import failpoint
from domain.order import Attempt
from domain.ports import Clock, ScheduledOrderLog
from domain.run import Armed, EnterOrder, ExitOrder
from domain.scheduled_order import BEAT_EVERY, ScheduledOrder
from execution.entries import Entries
from execution.exits import Exits
from execution.order_intent import NotPlaced
from execution.order_sender import OrderSender
from execution.task_end import ended

AHEAD = timedelta(seconds=30)
"""How long before its instant an order of a dead worker is taken over."""
QUIET = timedelta(seconds=5)
"""Of that, an entry's price is asked for in the last 3.4 seconds."""
PAUSES = (0.5, 1.0)
"""Seconds before the second and third attempt of an entry: all three fit into its five seconds."""

log = logging.getLogger("armed")


class ScheduledOrders:
    """Holds orders in memory and sends each at its instant. One for a worker process, named `worker`.

    Nothing depends on it: the run looks after every order a moment later, and does what was not done.
    """

    def __init__(
        self,
        orders: ScheduledOrderLog,
        entries: Entries,
        exits: Exits,
        sender: OrderSender,
        clock: Clock,
        worker: str,
    ) -> None:
        self._orders = orders
        self._entries = entries
        self._exits = exits
        self._sender = sender
        self._clock = clock
        self._worker = worker
        self._held: dict[tuple[str, datetime], asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def is_quiet(self) -> bool:
        """Tell whether no order that is held is due by `QUIET` from now, or being followed."""
        soon = self._clock.now() + QUIET
        return all(due_at > soon for _, due_at in self._held)

    async def arm(self, order: EnterOrder | ExitOrder) -> Armed:
        """Write the order down as held by this worker, and hold it. Raises `StoreUnavailable`."""
        held = await self._orders.arm(order, self._worker)
        if held is None:
            return Armed(None)
        await failpoint(f"{order.key.leg}.armed")
        self.take(held)
        return Armed(await self._orders.slot(order.due_at))

    def take(self, held: ScheduledOrder) -> None:
        """Hold an order until its instant, and carry it out; one that is held already is held once."""
        name = held.attempt.tag, held.order.due_at
        if name not in self._held:
            task = asyncio.ensure_future(self._carry(held))
            self._held[name] = task
            task.add_done_callback(lambda _: self._held.pop(name, None))

    async def run(self) -> None:
        """Say that this worker is alive, and take over what dead ones held, until cancelled."""
        beats = asyncio.ensure_future(self._beat())
        try:
            while True:
                await self._attempt(self._take_over())
                await self._clock.sleep(BEAT_EVERY)
        finally:
            beats.cancel()
            await self._let_go()

    async def _beat(self) -> None:
        while True:
            await self._attempt(self._orders.beat(self._worker))
            await self._clock.sleep(BEAT_EVERY)

    async def _take_over(self) -> None:
        taken = await self._orders.orphans(self._worker, AHEAD)
        for held in taken:
            self.take(held)
        if taken:  # one line for all: they may be a thousand, and due now
            log.warning("took over: %s", " ".join(held.attempt.tag for held in taken))

    async def _attempt(self, work: Awaitable[None]) -> None:
        with suppress(StoreUnavailable):  # the part watch tells; here the next half second tries again
            await work

    async def _let_go(self) -> None:
        """End: what is being sent writes its answer, the rest is for others."""
        await ended(self._held.values())
        await self._sender.finished()
        await self._attempt(self._orders.leave(self._worker))

    async def _carry(self, held: ScheduledOrder) -> None:
        order = held.order
        # A task of its own: what was bound where it was made stays there, and this ends with it.
        bind_contextvars(user_id=str(order.key.user_id), strategy_id=str(order.key.strategy_id))
        try:
            if isinstance(order, EnterOrder):
                await self._buy(order, held.attempt)
            else:
                await self._exits.sell_scheduled(order, held.attempt)
        except (StopwatchError, NotPlaced, LoginNeeded) as left:
            log.info("the order %s is left to its run: %s", held.attempt.tag, left)
        except Exception:  # whatever it was, the run looks after the order next
            log.exception("the held order %s failed in an unexpected way", held.attempt.tag)

    async def _buy(self, order: EnterOrder, first: Attempt) -> None:
        never = asyncio.Event()
        scheduled: Attempt | None = first
        for pause in PAUSES:
            try:
                await self._entries.enter(order, never, self._worker, scheduled)
            except NotPlaced:
                await self._clock.sleep(pause)
                scheduled = None
            else:
                return
        await self._entries.enter(order, never, self._worker)
