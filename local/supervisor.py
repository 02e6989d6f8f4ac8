"""Supervises the processes of one run: starts them together, keeps them running, ends them in order."""

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
        self._processes: list[SupervisedProcess] = []
        self._hurry = asyncio.Event()

    async def start(self, spec: ProcessSpec) -> float:
        """Start a process and wait until it answers; return the seconds.

        Raises ProcessFailed if it does not.
        """
        supervised = SupervisedProcess(spec, self._say, self._changed)
        self._processes.append(supervised)
        return await supervised.up

    def pids(self) -> dict[str, int | None]:
        """Return the pid of every process, in the order they were started."""
        return {supervised.spec.name: supervised.pid for supervised in self._processes}

    def kill(self, kind: str) -> int | None:
        """Kill a process of a kind, as a crash would; return its pid, None where none runs."""
        for supervised in self._processes:
            if supervised.spec.kind == kind and (pid := supervised.pid) is not None:
                supervised.kill()
                return pid
        return None

    async def stop(self, order: Sequence[str] = STOP_ORDER) -> None:
        """End every process, kind by kind; kill what does not end in its time."""
        deadline = time.monotonic() + _STOP_SECONDS
        unnamed = [process for process in self._processes if process.spec.kind not in order]
        await self._stop_all(unnamed, deadline)
        for kind in order:
            await self._stop_all(
                [process for process in self._processes if process.spec.kind == kind], deadline
            )
        self._processes.clear()

    def hurry(self) -> None:
        """Cut the grace of processes that still end in order."""
        self._hurry.set()

    async def _stop_all(self, processes: Sequence[SupervisedProcess], deadline: float) -> None:
        if not processes:
            return
        stops = [asyncio.ensure_future(process.stop(self._grace(process, deadline))) for process in processes]
        everything = asyncio.gather(*stops)
        hurried = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait((hurried, everything), return_when=asyncio.FIRST_COMPLETED)
        if self._hurry.is_set():
            for process in processes:
                process.kill()
        await everything
        hurried.cancel()

    def _grace(self, process: SupervisedProcess, deadline: float) -> float:
        if self._hurry.is_set():
            return 0
        return max(0.0, min(process.spec.grace_seconds, deadline - time.monotonic()))
