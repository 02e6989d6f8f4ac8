"""Says what a process still waits for when it has not ended some time after it was asked to."""

import asyncio

import structlog

SLOW = 12.0
"""Seconds; above the grace of a send under way, below the time after which a supervisor kills."""


def watch_slow_end(seconds: float = SLOW) -> asyncio.TimerHandle:
    """Log the tasks of the running loop that are left after so many seconds. Cancel the handle to stop it."""
    return asyncio.get_running_loop().call_later(seconds, _log_tasks, seconds)


def _log_tasks(seconds: float) -> None:
    waiting = sorted(str(task.get_coro()) for task in asyncio.all_tasks())
    structlog.get_logger().warning(
        "asked to end, and still waiting; it may be killed, other workers take over what it holds",
        seconds=seconds,
        tasks=waiting,
    )
