"""Waits that end early when the run halts an order."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, TypeVar

from domain.ports import Clock

Result = TypeVar("Result")


async def wait_until(clock: Clock, instant: datetime, halt: asyncio.Event) -> bool:
    """Wait for `instant`; False when halted first."""
    return not halt.is_set() and await _unless_halted(clock.sleep_until(instant), halt)


async def pause(clock: Clock, seconds: float, halt: asyncio.Event) -> None:
    """Wait so many seconds, or until halted; all of them where that was before."""
    if halt.is_set():
        await clock.sleep(seconds)
    else:
        await _unless_halted(clock.sleep(seconds), halt)


async def _unless_halted(sleeping: Coroutine[Any, Any, None], halt: asyncio.Event) -> bool:
    sleep = asyncio.ensure_future(sleeping)
    stopped = asyncio.ensure_future(halt.wait())
    await asyncio.wait({sleep, stopped}, return_when=asyncio.FIRST_COMPLETED)
    arrived = sleep.done()
    for task in (sleep, stopped):
        task.cancel()
    return arrived


def halted() -> asyncio.Event:
    """Return a halt that is set: what is open is cancelled, and nothing is sent."""
    halt = asyncio.Event()
    halt.set()
    return halt


async def halted_within(
    work: Coroutine[Any, Any, Result], halt: asyncio.Event, seconds: float
) -> Result | None:
    """Return what the work returns; None where it was halted and did not end within so many seconds.

    It is left at its next await then. A send in flight is shielded and still writes its answer.
    """
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(halt.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait({task}, timeout=seconds)
        return task.result() if task.done() else None
    finally:
        for each in (task, stopped):
            each.cancel()
