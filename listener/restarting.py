"""Restarts loops that fail."""

from collections.abc import Awaitable, Callable

import structlog

from domain.ports import Clock

PAUSE = 1.0

log = structlog.stdlib.get_logger("listener")


async def steadily(part: str, work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Run `work` for ever: a failure is logged, and the work begins again; other work goes on."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a part of the listener failed; it is begun again", part=part)
        await clock.sleep(PAUSE)
