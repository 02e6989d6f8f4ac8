"""Ends tasks that run until they are cancelled."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN = 4.0
"""Seconds after which a task that goes on is cancelled once more; a clean end may write to the store."""


async def ended(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel the tasks and return when each has ended, however it ended.

    One cancellation can be lost: `asyncio.wait_for` of Python 3.11 returns the result and forgets the
    cancellation when both come in the same step of the loop, and drivers wait by it (measured: a worker that
    was asked to end went on reading its queue until it was killed).
    """
    going = {task for task in tasks if not task.done()}
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=AGAIN)
