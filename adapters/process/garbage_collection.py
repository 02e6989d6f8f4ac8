"""Runs Python's garbage collection at chosen moments: a full collection pauses the process.

In a worker with its cached runs it takes 110 to 210 ms (measured): in the second of a herd, every order would
be later by that much; at 20 START a second it was the 99th percentile.
"""

import asyncio
import gc
from collections.abc import Callable

LOOK_EVERY = 1.0
ENOUGH = 40
"""Collections of the middle generation since the last full one; each ages 7,000 objects at the most."""
TOO_MANY = 120
"""After so many, a full one is due in any case: some 80 MB."""
NEVER = 1_000_000
"""A threshold of the oldest generation that is not reached."""


def set_aside() -> None:
    """Exclude everything loaded so far from later collections."""
    gc.collect()
    gc.freeze()


async def collect_when_quiet(is_quiet: Callable[[], bool], look_every: float = LOOK_EVERY) -> None:
    """Set aside what is loaded, then collect garbage in quiet moments, until cancelled."""
    set_aside()
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    try:
        while True:
            await asyncio.sleep(look_every)
            if is_due(gc.get_count()[2], is_quiet):
                gc.collect()
    finally:
        gc.set_threshold(young, middle, old)


def is_due(aged: int, is_quiet: Callable[[], bool]) -> bool:
    """Tell whether a full collection is due, `aged` collections of the middle generation after the last."""
    return aged >= TOO_MANY or (aged >= ENOUGH and is_quiet())
