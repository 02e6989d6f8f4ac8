"""Temporal's list of runs in virtual time: several runs of one strategy, begun, ended and terminated."""

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID

from domain.limits import LimitName
from domain.reconciler import Slice
from domain.run import RUN_VERSION, RunView, StartRun, workflow_id
from tests.simulation.loop import VirtualLoop
from tests.simulation.server import STEP, GoesOn, Job, Server
from workflows.strategy_run import StrategyRun

STOP_WITHIN = 10.0
"""Seconds in which a STOP is answered; the run hears it all the same."""


@dataclass(eq=False)
class Run:
    """One execution at the server, with the executions in which it goes on."""

    start: StartRun
    number: int
    began: datetime
    info: Any = None
    flow: StrategyRun | None = None
    handlers: int = 0
    task: "asyncio.Task[RunView] | None" = None
    context: contextvars.Context | None = None
    terminated: bool = False

    @property
    def workflow_id(self) -> str:
        return workflow_id(self.start.strategy.strategy_id, self.start.plan.trading_day)

    @property
    def open(self) -> bool:
        return not self.terminated and self.task is not None and not self.task.done()


run_now: contextvars.ContextVar[Run | None] = contextvars.ContextVar("run_now", default=None)


class SeriesLoop(VirtualLoop):
    """Knows of which run each task is."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[asyncio.Task[Any], Run] = {}

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task = super().create_task(coro, **options)
        context = options.get("context")
        run = run_now.get() if context is None else context.get(run_now)
        if run is not None:
            self.made[task] = run
        return task


@dataclass(eq=False)
class SeriesServer(Server):
    """The runtime of several runs: each step knows of which run it is."""

    loop: SeriesLoop
    jobs_of: dict[Job, Run] = field(default_factory=dict)
    cancel: Callable[[str], None] = field(default=lambda _: None)
    """Cancels the open run of a workflow id."""

    def workflow_info(self) -> Any:
        run = run_now.get()
        return self.info if run is None else run.info

    def workflow_all_handlers_finished(self) -> bool:
        run = run_now.get()
        return run is None or run.handlers == 0

    async def workflow_wait_condition(
        self, fn: Callable[[], bool], *, timeout: float | None = None, **options: Any
    ) -> None:
        # A condition is judged when all is quiet, outside the run whose it is.
        context = contextvars.copy_context()
        await super().workflow_wait_condition(lambda: context.run(fn), timeout=timeout, **options)

    def workflow_start_activity(self, what: Any, *args: Any, **options: Any) -> Job:
        return self._of_now(super().workflow_start_activity(what, *args, **options))

    def workflow_start_local_activity(self, what: Any, *args: Any, **options: Any) -> Job:
        return self._of_now(super().workflow_start_local_activity(what, *args, **options))

    def workflow_get_external_workflow_handle(self, id: str, *, run_id: str | None) -> "OtherRun":
        return OtherRun(self, id)

    def _of_now(self, job: Job) -> Job:
        run = run_now.get()
        if run is not None:
            self.jobs_of[job] = run
        return job

    def drop(self, run: Run) -> None:
        """Forget a run that was terminated: nothing of it is carried on, what its activities do is lost."""
        for task, of in list(self.loop.made.items()):
            if of is run and task is not asyncio.current_task() and _is_a_step(task):
                task.get_coro().close()
        for job, of in list(self.jobs_of.items()):
            if of is run and not job.done():
                if job.current is not None:
                    job.current.superseded = True
                job.fail(RuntimeError("the run was terminated"))


@dataclass(frozen=True)
class OtherRun:
    """What a run may do to another one; the server carries it out whatever becomes of workers."""

    server: SeriesServer
    workflow_id: str

    async def cancel(self) -> None:
        self.server.cancel(self.workflow_id)


def _is_a_step(task: Any) -> bool:
    """Tell whether a task is a step of the workflow, and not an activity or the server's own."""
    return not task.done() and "/workflows/" in task.get_coro().cr_code.co_filename


class Stage(Protocol):
    """What the runs ask of the days they are part of."""

    server: SeriesServer
    loop: SeriesLoop
    outside: contextvars.Context

    async def passing(self, point: str) -> str: ...

    def now(self) -> float: ...

    def store_now(self) -> datetime: ...

    def begun(self) -> None:
        """Look at the runs that are open now."""
        ...


@dataclass(eq=False)
class SimulatedRuns:
    """Implements `domain.ports.OpenRuns`."""

    stage: Stage
    all: list[Run] = field(default_factory=list)
    cut_short: list[tuple[datetime, UUID]] = field(default_factory=list)

    async def open_ids(self, part: Slice) -> frozenset[str]:
        return frozenset(run.workflow_id for run in self.all if run.open)

    async def open_count(self, part: Slice, started_before: datetime) -> int:
        return sum(run.open and run.began < started_before for run in self.all)

    async def ended_since(self, instant: datetime) -> frozenset[UUID]:
        return frozenset(strategy_id for at, strategy_id in self.cut_short if at > instant)

    async def is_open(self, workflow_id: str) -> bool:
        return self._open(workflow_id) is not None

    async def sell(
        self, workflow_id: str, run_id: str, limit: LimitName | None = None, *, by_operator: bool = False
    ) -> bool:
        run = self._open(workflow_id)
        if run is not None:
            self.stage.loop.create_task(self._stopped(run), context=self._within(run))
        return run is not None

    async def tell_sold(self, workflow_id: str, run_id: str) -> None:
        run = self._open(workflow_id)
        if run is not None and run.flow is not None:
            run.flow.sold()

    async def tell_plan_anew(self, workflow_id: str, run_id: str) -> None:
        run = self._open(workflow_id)
        if run is not None and run.flow is not None:
            run.flow.plan_anew()

    async def adopt(self, start: StartRun) -> None:
        await self.begin(start)

    async def begin(self, start: StartRun) -> None:
        await self.stage.passing("temporal.begin")
        self.start(start)

    def start(self, start: StartRun) -> None:
        """Start the run of a START, unless it is open."""
        run = Run(replace(start, version=RUN_VERSION), len(self.all) + 1, self.stage.store_now())
        if self._open(run.workflow_id) is None:
            self.all.append(run)
            run.task = self.stage.loop.create_task(self._carry_out(run), context=self._within(run))

    async def stop(self, workflow_id: str) -> None:
        """Ask the run to stop as the API does, and wait a while for its end; one that is gone is skipped."""
        run = self._open(workflow_id)
        if run is not None:
            work = self.stage.loop.create_task(self._stopped(run), context=self._within(run))
            await asyncio.wait({work}, timeout=STOP_WITHIN)

    def terminate(self) -> None:
        """End the newest run from outside, as an operator does: none of its code runs."""
        for run in self._newest():
            run.terminated = True
            self.cut_short.append((self.stage.store_now(), run.start.strategy.strategy_id))
            self.stage.server.drop(run)

    def cancel(self) -> None:
        """Cancel the newest run."""
        for run in self._newest():
            self._cancel(run)

    def cancel_of(self, workflow_id: str) -> None:
        """Cancel the open run of a workflow id; one that is gone is skipped."""
        run = self._open(workflow_id)
        if run is not None:
            self._cancel(run)

    def _cancel(self, run: Run) -> None:
        assert run.task is not None
        self.stage.loop.call_later(STEP, run.task.cancel)  # a run that is new has begun by then

    def _newest(self) -> list[Run]:
        return [run for run in self.all if run.open][-1:]

    async def _carry_out(self, run: Run) -> RunView:
        start, execution = run.start, 0
        while True:
            run.info = _info(run, start, execution)
            run.flow = StrategyRun(start)
            self.stage.begun()
            try:
                return await run.flow.run(start)
            except GoesOn as more:
                start, execution = more.start, execution + 1
                run.start = start

    async def _stopped(self, run: Run) -> None:
        assert run.flow is not None
        run.handlers += 1
        try:
            await StrategyRun.stop(run.flow, None)
        finally:
            run.handlers -= 1

    def _within(self, run: Run) -> contextvars.Context:
        context = self.stage.outside.copy()
        context.run(run_now.set, run)
        return context

    def _open(self, workflow_id: str) -> Run | None:
        return next((run for run in self.all if run.open and run.workflow_id == workflow_id), None)


def _info(run: Run, start: StartRun, execution: int) -> Any:
    """Return what a run is told of itself."""
    return SimpleNamespace(
        _logger_details=dict,
        workflow_id=run.workflow_id,
        run_id=f"run {run.number}.{execution}",
        get_current_history_length=lambda: 1,
        start_time=run.began,
        workflow_start_time=run.began,
    )
