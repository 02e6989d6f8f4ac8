"""Repeats the look of a watch until it is cancelled, whatever goes wrong in one of them."""

import logging
from collections.abc import Awaitable, Callable

from domain.errors import CalendarUnknown, StoreUnavailable
from domain.ports import Clock


async def look_on(
    look: Callable[[], Awaitable[None]], clock: Clock, every: float, log: logging.Logger
) -> None:
    """Look every `every` seconds. A store or a calendar that is away is told by the dependency watch."""
    while True:
        try:
            await look()
        except (StoreUnavailable, CalendarUnknown):
            pass  # the next look tries again
        except Exception:
            log.exception("a look failed; looking again")
        await clock.sleep(every)
