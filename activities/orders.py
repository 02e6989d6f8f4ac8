"""The order activities of a strategy's day: arm, enter, exit."""

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.failure_types import NOT_PLACED, STORE_AWAY, held_up
from activities.heartbeat import beating
from domain.errors import StoreUnavailable
from domain.run import Armed, Entered, EnterOrder, Exited, ExitOrder
from execution.entries import Entries
from execution.exits import Exits
from execution.order_intent import HeldUp, NotPlaced
from execution.order_sender import OrderSender
from execution.scheduled_orders import ScheduledOrders


class OrderActivities:
    """Buys at its time, sells once. All may be repeated and raced: the executor keeps an order single."""

    def __init__(
        self, entries: Entries, exits: Exits, sender: OrderSender, scheduled: ScheduledOrders
    ) -> None:
        self._entries = entries
        self._exits = exits
        self._sender = sender
        self._scheduled = scheduled

    @activity.defn
    async def arm_entry(self, order: EnterOrder) -> Armed:
        """Have this worker hold the entry for its instant; others take it over if this one dies."""
        return await self._scheduled.arm(order)

    @activity.defn
    async def arm_exit(self, order: ExitOrder) -> Armed:
        """Have this worker hold the sale for its instant."""
        return await self._scheduled.arm(order)

    @activity.defn
    async def enter(self, order: EnterOrder) -> Entered:
        """Hold until `due_at`, buy, and return when the entry has ended.

        Cancelled, it sends nothing more, cancels what is open, and returns what was filled. Fails with
        `OrderNotPlaced` when an attempt was refused and the next may pass.
        """
        owner = _owner()
        try:
            return await beating(lambda halt: self._entries.enter(order, halt, owner))
        except NotPlaced as refused:
            raise ApplicationError(str(refused), type=NOT_PLACED) from refused

    @activity.defn
    async def settle_entry(self, order: EnterOrder) -> Entered:
        """Bring whatever was sent for the entry to its end; send nothing."""
        return await beating(lambda _: self._entries.settle(order))

    @activity.defn
    async def exit(self, order: ExitOrder) -> Exited:
        """Hold until `due_at`, sell what is held, and return when nothing is left or it was cancelled.

        Fails with `OrderNotPlaced` when an attempt ended with shares still held, with `SaleHeldUp` when that
        was refused and the next is not due yet.
        """
        owner = _owner()
        try:
            return await beating(lambda halt: self._exit(order, halt, owner))
        except StoreUnavailable as away:
            # Not tried again here: without the store no worker can claim, and the run can sell without it. It
            # must know whether an order of this leg may be under way.
            in_flight = activity.info().attempt > 1 or self._sender.may_be_in_flight(order.key)
            raise ApplicationError(str(away), in_flight, type=STORE_AWAY, non_retryable=True) from away

    @activity.defn
    async def settle_exit(self, order: ExitOrder) -> Exited:
        """Bring whatever was sent for the exit to its end; send nothing."""
        return await beating(lambda _: self._exits.settle(order))

    async def _exit(self, order: ExitOrder, halt: asyncio.Event, owner: str) -> Exited:
        try:
            return await self._exits.exit(order, halt, owner)
        except NotPlaced as refused:
            raise ApplicationError(str(refused), type=NOT_PLACED) from refused
        except HeldUp as held:
            raise held_up(held) from held


def _owner() -> str:
    info = activity.info()
    return f"{info.workflow_run_id}/{info.activity_id}"
