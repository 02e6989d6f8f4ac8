"""The parts of one run: started together, kept alive, ended in order."""

import asyncio
import time
from collections.abc import Callable, Sequence

from local.process_spec import ProcessSpec
from local.supervised_process import Say, SupervisedProcess

# From the one that sends orders down to those that remember them.
STOP_ORDER = ("listener", "worker", "api", "paper", "temporal", "redis", "postgres")
# `up` promises 20 s; the rest is for killing, reaping and writing.
_STOP_SECONDS = 18.0


class Supervisor:
    def __init__(self, say: Say, changed: Callable[[], None] = lambda: None) -> None:
        self._say = say
        self._changed = changed
        self._parts: list[SupervisedProcess] = []
        self._hurry = asyncio.Event()

    async def start(self, part: ProcessSpec) -> float:
        """Start a part and wait until it answers; return the seconds. Raises PartFailed if it does not."""
        supervised = SupervisedProcess(part, self._say, self._changed)
        self._parts.append(supervised)
        return await supervised.up

    def pids(self) -> dict[str, int | None]:
        """Name the process of every part, in the order they were started."""
        return {supervised.part.name: supervised.pid for supervised in self._parts}

    async def stop(self, order: Sequence[str] = STOP_ORDER) -> None:
        """End every part, kind by kind; what does not end in its time is killed."""
        deadline = time.monotonic() + _STOP_SECONDS
        unnamed = [part for part in self._parts if part.part.kind not in order]
        await self._stop_all(unnamed, deadline)
        for kind in order:
            await self._stop_all([part for part in self._parts if part.part.kind == kind], deadline)
        self._parts.clear()

    def hurry(self) -> None:
        """Give no more time to parts that still end in order."""
        self._hurry.set()

    async def _stop_all(self, parts: Sequence[SupervisedProcess], deadline: float) -> None:
        if not parts:
            return
        stops = [asyncio.ensure_future(part.stop(self._grace(part, deadline))) for part in parts]
        everything = asyncio.gather(*stops)
        hurried = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait((hurried, everything), return_when=asyncio.FIRST_COMPLETED)
        if self._hurry.is_set():
            for part in parts:
                part.kill()
        await everything
        hurried.cancel()

    def _grace(self, part: SupervisedProcess, deadline: float) -> float:
        if self._hurry.is_set():
            return 0
        return max(0.0, min(part.part.grace_seconds, deadline - time.monotonic()))
