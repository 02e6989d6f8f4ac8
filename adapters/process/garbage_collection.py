"""Runs Python's garbage collection at chosen moments: a full collection pauses the process.

In a worker with its cached runs it takes 110 to 210 ms (measured): in the second of a herd, every order would
be later by that much; at 20 START a second it was the 99th percentile. A worker is quiet most of the time, so
it waits. An API process with five thousand event streams never is, and would pause for 600 ms: what lives
long is set aside there.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_EVERY = 1.0
ENOUGH = 40
"""Collections of the middle generation since the last full one; each ages 7,000 objects at the most."""
TOO_MANY = 120
"""After so many, a full one is due in any case: some 80 MB."""
FEW = 10
LONG = 0.01
AGAIN = 4.0
"""Collections of the middle generation after which a process that is never quiet collects what is not set
aside; seconds that this may take; and how much longer than one look at all this may take in sum."""
NEVER = 1_000_000
"""A threshold of the oldest generation that is not reached."""


def set_aside() -> None:
    """Exclude everything loaded so far from later collections."""
    gc.collect()
    gc.freeze()


async def collect_when_quiet(is_quiet: Callable[[], bool], look_every: float = LOOK_EVERY) -> None:
    """Set aside what is loaded, then collect garbage in quiet moments, until cancelled."""
    set_aside()
    with _no_full_collection():
        while True:
            await asyncio.sleep(look_every)
            if is_due(gc.get_count()[2], is_quiet):
                gc.collect()


async def collect_in_parts(
    look_every: float = LOOK_EVERY, few: int = FEW, long: float = LONG, again: float = AGAIN
) -> None:
    """Set aside what is loaded, then collect garbage without long pauses, until cancelled.

    Where a collection takes `long`, much of what it looks at lives: that is set aside as well. There may be
    garbage in it one day, so all is looked at again, after collections of `again` times what that takes.
    """
    whole, since = _collected(), 0.0
    gc.freeze()
    with _no_full_collection():
        while True:
            await asyncio.sleep(look_every)
            if gc.get_count()[2] < few or (took := _collected()) < long:
                continue
            gc.freeze()
            since += took
            if since > again * whole:
                gc.unfreeze()
                whole, since = _collected(), 0.0
                gc.freeze()


def _collected() -> float:
    """Collect the garbage; return how many seconds of processor time that took."""
    began = time.thread_time()
    gc.collect()
    return time.thread_time() - began


@contextmanager
def _no_full_collection() -> Iterator[None]:
    """Have Python itself never collect the oldest generation while the context lasts."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)


def is_due(aged: int, is_quiet: Callable[[], bool]) -> bool:
    """Tell whether a full collection is due, `aged` collections of the middle generation after the last."""
    return aged >= TOO_MANY or (aged >= ENOUGH and is_quiet())
