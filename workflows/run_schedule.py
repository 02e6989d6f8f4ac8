"""Has workers hold a run's orders for their instants, and waits."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import ActivityError

from domain.day import Day
from domain.order import Leg
from domain.run import Armed, EnterOrder, ExitOrder
from domain.run_texts import clock
from workflows import policies


class RunSchedule:
    """Arms orders; an order that no worker holds is carried out by the run itself."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._set_aside: list[asyncio.Task[Armed]] = []

    async def until(self, over: Callable[[], bool]) -> None:
        """Wait until it is over; a cancellation until then is a stop, and cuts nothing short."""
        while not over():
            try:
                await workflow.wait_condition(over)
            except asyncio.CancelledError:
                self._day.cancel_asked()

    async def finish(self) -> None:
        """Wait for what was being armed when the run left."""
        await asyncio.gather(*self._set_aside, return_exceptions=True)

    async def arm(self, what: Callable[..., Any], order: EnterOrder | ExitOrder) -> Armed:
        """Have a worker hold the order for its instant; where none can, the run carries it out itself."""
        arming: asyncio.Task[Armed] = workflow.start_activity_method(
            what,
            order,
            start_to_close_timeout=policies.ARM_TIMEOUT,
            schedule_to_close_timeout=policies.ARM_WITHIN,
            retry_policy=policies.ARM_RETRY,
            priority=policies.EXITS_FIRST if order.key.leg is Leg.EXIT else Priority.default,
            summary=f"have it held for {clock(order.due_at)}",
        )
        await workflow.wait_condition(lambda: arming.done() or self._day.leaving)
        if not arming.done():
            self._set_aside.append(
                arming
            )  # a run that leaves does not wait; what is armed after all is called off
            return Armed(None)
        try:
            return await arming
        except ActivityError as failed:
            workflow.logger.warning("the order could not be armed: %s", failed.cause)
            return Armed(None)

    async def until_sent(self, due_at: datetime, armed: Armed) -> None:
        """Wait until a held order has been sent at its instant, or the run is to leave."""
        if armed.slot is not None:
            look_at = policies.look_at(due_at, armed.slot)
            await wait(lambda: self._day.leaving, look_at, f"held for {clock(due_at)}")


async def wait(until: Callable[[], bool], instant: datetime, summary: str) -> bool:
    """Wait for a condition or an instant, whichever comes first; tell whether it was the condition."""
    left = instant - workflow.now()
    if left <= timedelta(0):
        return False
    try:
        await workflow.wait_condition(until, timeout=left, timeout_summary=summary)
    except TimeoutError:
        return False
    return True
