"""Keeps one process running: starts it, probes it until it answers, restarts it when it dies."""

import asyncio
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Coroutine
from typing import Any

from local import child
from local.log_tail import last_lines, size
from local.process_spec import ProcessSpec
from local.start_errors import ProcessFailed

_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
# A process that answered before it died is not stuck in its start, and is promised back within 5 s.
_LONGEST_AFTER_AN_ANSWER = 1.0
# A process that dies this often without having answered once will not come up by itself.
_FIRST_STARTS = 4
# A process that has answered for this long is healthy again: its next death is not part of a crash loop.
_HEALTHY_SECONDS = 10.0
_PROBE_EVERY = 0.05
_PROBE_SECONDS = 3.0

Say = Callable[[str], None]


class SupervisedProcess:
    """Runs a process until it is stopped; `up` resolves at its first answer, or fails with the reason."""

    def __init__(self, spec: ProcessSpec, say: Say, came_back: Callable[[], None]) -> None:
        self.spec = spec
        self.up: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._say = say
        self._came_back = came_back
        self._stopping = asyncio.Event()
        self._process: Process | None = None
        self._log_start = 0
        self._grace_seconds = spec.grace_seconds
        self._no_answer = "no answer yet"
        self._answered_once = False
        self._deaths = 0
        self._started_at = 0.0
        self._died_at = 0.0
        self._task = asyncio.create_task(self._run(), name=f"supervise {spec.name}")

    @property
    def pid(self) -> int | None:
        """The pid of the running process; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def stop(self, grace_seconds: float) -> None:
        """End the process for good; returns when its session is gone."""
        self._grace_seconds = grace_seconds
        self._stopping.set()
        await self._task
        if not self.up.done():
            self.up.cancel()

    def kill(self) -> None:
        """Kill it where it runs; unless it is being stopped it is started again."""
        if self._process is not None and self._process.returncode is None:
            child.tell(self._process, signal.SIGKILL)

    async def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                how = await self._life_or_failure()
                if not self._stopping.is_set():
                    await self._before_the_next(how)
        except ProcessFailed as failure:
            self.up.set_exception(failure)
        finally:
            if self._process is not None and self._process.returncode is None:
                await child.end(self._process, self.spec.stop_signal, self._grace_seconds)

    async def _life_or_failure(self) -> str:
        """Run the process once; return how it ended. Raises what keeps it from its first answer."""
        try:
            process = await self._one_life()
        except ProcessFailed as failure:
            if not self.up.done():
                raise
            # A machine out of memory or processes may have some again in a second.
            return str(failure)
        return f"{self.spec.name} (pid {process.pid}) ended: {child.how_it_ended(process)}"

    async def _one_life(self) -> Process:
        self._answered_once = False
        self._log_start = size(self.spec.log)
        self._started_at = time.monotonic()
        self._process = process = await child.start(self.spec)
        async with _Racing() as race:
            ended = race.enter(process.wait())
            stopping = race.enter(self._stopping.wait())
            answers = race.enter(self._answers())
            await race.first(self.spec.ready_within_seconds, ended, stopping, answers)
            if answers.done() and not ended.done():
                await self._healthy_life(race, ended, stopping)
            elif not ended.done() and not stopping.done():
                self._silent()
        if not self._stopping.is_set():
            await child.end(process, self.spec.stop_signal, 0)
        return process

    async def _healthy_life(
        self, race: "_Racing", ended: "asyncio.Task[Any]", stopping: "asyncio.Task[Any]"
    ) -> None:
        self._answered_once = True
        self._answered()
        answered_at = time.monotonic()
        await race.first(None, ended, stopping)
        if time.monotonic() - answered_at > _HEALTHY_SECONDS:
            self._deaths = 0

    async def _answers(self) -> None:
        while (reason := await self._why_no_answer()) is not None:
            self._no_answer = reason  # told if it never does
            await asyncio.sleep(_PROBE_EVERY)

    async def _why_no_answer(self) -> str | None:
        """Probe once, in a task of its own: whatever the probe does with a cancellation, ours ends the probe.

        With `wait_for`, a probe that fails at the very moment the process dies would continue for ever
        (Python 3.11 loses that cancellation), and the process would never be restarted.
        """
        probe = asyncio.ensure_future(self.spec.ready())
        probe.add_done_callback(lambda done: done.cancelled() or done.exception())  # heard, so not logged
        try:
            await asyncio.wait((probe,), timeout=_PROBE_SECONDS)
        finally:
            probe.cancel()
        if not probe.done():
            return f"nothing came within {_PROBE_SECONDS:g} s"
        error = asyncio.CancelledError() if probe.cancelled() else probe.exception()
        return f"{type(error).__name__} {error}".strip() if error is not None else None

    def _answered(self) -> None:
        now = time.monotonic()
        if not self.up.done():
            self.up.set_result(now - self._started_at)
            return
        if not self._died_at:
            return  # its first answer, to a start that was given up
        self._say(f"{self.spec.name} is back after {now - self._died_at:.1f} s (pid {self.pid}).")
        self._came_back()

    def _silent(self) -> None:
        reason = (
            f"{self.spec.name} runs but did not answer within {self.spec.ready_within_seconds:.0f} s "
            f"({self._no_answer}).\n"
            f"{last_lines(self.spec.log, self._log_start)}"
        )
        if not self.up.done():
            raise ProcessFailed(reason)
        self._say(f"{reason}\nIt is ended and started again.")

    async def _before_the_next(self, how: str) -> None:
        self._died_at = time.monotonic()
        pause = _PAUSES[min(self._deaths, len(_PAUSES) - 1)]
        if self._answered_once:
            pause = min(pause, _LONGEST_AFTER_AN_ANSWER)
        self._deaths += 1
        if not self.up.done() and self._deaths >= _FIRST_STARTS:
            raise ProcessFailed(
                f"{self.spec.name} does not come up: it was started {self._deaths} times. {how}.\n"
                f"{last_lines(self.spec.log, self._log_start)}"
            )
        self._tell_death(how, pause)
        async with _Racing() as race:
            await race.first(pause, race.enter(self._stopping.wait()))

    def _tell_death(self, what: str, pause: float) -> None:
        if self._answered_once:
            self._say(f"{what}. It is started again.")
        else:
            self._say(f"{what}. Next try in {pause:g} s. {last_lines(self.spec.log, self._log_start)}")


class _Racing:
    """Waits for the first of several tasks and cancels the others."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> "_Racing":
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def enter(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    @staticmethod
    async def first(seconds: float | None, *tasks: "asyncio.Task[Any]") -> None:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
