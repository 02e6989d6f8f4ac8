"""Keeps the tasks alive that read for event streams, and paces those that look at user after user."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

REST = 3.0
"""A pause after each look of a round, in times of what the look took: the round is for safety alone."""
AFTER_A_FAULT = 1.0
_log = structlog.get_logger(__name__)


async def kept_up(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do it until cancelled, again after whatever goes wrong in it."""
    while True:
        try:
            await work()
        except Exception as error:
            _log.error("reading for event streams failed; it is tried again", exc_info=error)
        await asyncio.sleep(AFTER_A_FAULT)
