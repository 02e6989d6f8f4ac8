"""A worker held at a named step of the order protocol, for as long as a test needs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from temporalio import activity

from domain.failpoint import arm, disarm


@dataclass
class Pause:
    """The first passing of `step` waits for `go`; every later one is let through."""

    step: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    called_off: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the worker has heard, by a heartbeat, that the run calls the held activity off."""

    async def pass_(self, step: str) -> None:
        if step != self.step or self.reached.is_set():
            return
        self.reached.set()
        while not self.go.is_set():
            if activity.in_activity() and activity.is_cancelled():
                self.called_off.set()
            await asyncio.sleep(0.01)


@contextmanager
def paused_at(step: str) -> Iterator[Pause]:
    """Hold whoever first passes `step`; nobody is held once this is left."""
    pause = Pause(step)
    arm(pause.pass_)
    try:
        yield pause
    finally:
        disarm()
        pause.go.set()
