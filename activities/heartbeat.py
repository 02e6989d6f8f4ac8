"""Heartbeats around a piece of work that must not be cut short in the middle of a send."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from temporalio import activity

BEAT_EVERY = 0.5
"""Seconds; a cancellation asked of the run reaches the activity with the next heartbeat."""
SHUTDOWN_GRACE = timedelta(seconds=8)
"""What a send under way gets to write its answer down when the worker is asked to end."""

Result = TypeVar("Result")


async def beating(
    work: Callable[[asyncio.Event], Awaitable[Result]], grace: timedelta = SHUTDOWN_GRACE
) -> Result:
    """Run `work(halt)` with heartbeats; set `halt` when the run cancels the activity.

    The work decides what halting means: it never sends after it, and it first brings what was sent to an end.
    When the worker itself shuts down, or the server has given the activity to another worker, the work is
    left at its next await instead; a send in flight is shielded and still writes its answer.

    Temporal's SDK cancels an activity once: one that its run cancelled is not told of the worker's end, which
    would wait for it (seen with temporalio 1.35). So that end is looked for here.
    """
    halt = asyncio.Event()
    task = asyncio.ensure_future(work(halt))
    leave_at = math.inf
    while not task.done():
        try:
            await asyncio.wait({task}, timeout=BEAT_EVERY)
            activity.heartbeat()
        except asyncio.CancelledError:
            if not _asked_for():
                task.cancel()
                raise
            halt.set()
        leave_at = min(leave_at, _must_leave_at(grace))
        if halt.is_set() and asyncio.get_running_loop().time() >= leave_at and not task.done():
            task.cancel()
            raise asyncio.CancelledError("the worker ends")
    return task.result()


def _must_leave_at(grace: timedelta) -> float:
    """Return the loop's time at which the work is left, infinite while the worker goes on."""
    if not activity.is_worker_shutdown():
        return math.inf
    return asyncio.get_running_loop().time() + grace.total_seconds()


@asynccontextmanager
async def alive() -> AsyncIterator[None]:
    """Heartbeats around a write: a worker that died in it is replaced in two seconds, not in ten."""
    beats = asyncio.ensure_future(_beat())
    try:
        yield
    finally:
        beats.cancel()


async def _beat() -> None:
    while True:
        await asyncio.sleep(BEAT_EVERY)
        if activity.in_activity():  # a test may call the work by itself
            activity.heartbeat()


def _asked_for() -> bool:
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested
