"""An open loop: each call leaves at its own moment, whatever the earlier ones do.

A closed loop waits for slow answers and so asks less of a server in trouble; users do not. A call's time
counts from the moment it was due, so that a late departure is not forgotten either.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds of each call, in the order in which they were due, and how many failed."""

    seconds: tuple[float, ...]
    failed: int

    def ms(self, share: float) -> float:
        """Return a percentile in milliseconds, `share` between 0 and 1."""
        return percentile_ms(self.seconds, share)


def percentile_ms(seconds: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie, in milliseconds."""
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Collect no garbage in the context: a pause of the measuring process is none of the product's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def at_rate(calls: Sequence[Callable[[], Awaitable[bool]]], per_second: float) -> Latencies:
    """Make the calls, one every 1/per_second s; a call says whether it got the answer it wanted."""
    loop = asyncio.get_running_loop()

    async def one(due: float, call: Callable[[], Awaitable[bool]]) -> tuple[float, bool]:
        await asyncio.sleep(due - loop.time())
        wanted = await call()
        return loop.time() - due, wanted

    with _no_collection():
        first = loop.time() + 0.05  # after the collection that comes before: its pause is no answer's
        due = (first + number / per_second for number in range(len(calls)))
        answers = await asyncio.gather(*(one(at, call) for at, call in zip(due, calls, strict=True)))
    return Latencies(tuple(seconds for seconds, _ in answers), sum(not wanted for _, wanted in answers))
