"""Temporal, as far as one run needs it, in virtual time: the real workflow class on a runtime of ours.

The run's code is the product's own; what stands here is the server's part of the bargain: activities are
scheduled, time out, are tried again and cancelled as Temporal does it; conditions are judged when all is
quiet.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from temporalio import activity
from temporalio.common import MetricMeter, RetryPolicy, _CompositeEvent
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    TimeoutError,
    TimeoutType,
)

from tests.simulation.loop import VirtualLoop
from workflows.policies import TASK_TIMEOUT

STEP = 0.01
"""Seconds one step of the server takes (measured: about 10 ms on two cores)."""


class Killed(BaseException):
    """The worker process is dead: nothing of it runs on."""


class GoesOn(BaseException):
    """The run goes on in a new one, begun with `start`."""

    def __init__(self, start: Any) -> None:
        super().__init__("continued as new")
        self.start = start


@dataclass(eq=False)
class Worker:
    """A worker process."""

    dead: bool = False
    dead_since: float = 0.0
    frozen_since: float = -1.0
    frozen_until: float = -1.0


@dataclass(eq=False)
class Attempt:
    """One try of an activity, on one worker."""

    worker: Worker
    task: "asyncio.Task[Any] | None" = None
    frozen_until: float = 0.0
    superseded: bool = False
    details: activity._ActivityCancellationDetailsHolder = field(
        default_factory=activity._ActivityCancellationDetailsHolder
    )


attempt_now: contextvars.ContextVar[Attempt | None] = contextvars.ContextVar("attempt_now", default=None)


class Job(asyncio.Future[Any]):
    """An activity as the run sees it. Cancelling asks; the end of the activity answers."""

    def __init__(self, loop: VirtualLoop, name: str, options: dict[str, Any], *, local: bool = False) -> None:
        super().__init__(loop=loop)
        self.name = name
        self.options = options
        self.local = local
        self.cancel_requested = False
        self.between_attempts = True
        self.current: Attempt | None = None
        self.lost: asyncio.Future[None] | None = None
        self.heartbeat_details: Sequence[Any] = ()

    def cancel(self, msg: Any = None) -> bool:
        if self.done():
            return False
        self.cancel_requested = True
        if self.between_attempts:
            self.fail(CancelledError("cancelled before it was started"))
        return True

    def fail(self, cause: BaseException) -> None:
        if self.done():
            return
        error = ActivityError(
            "Activity task failed",
            scheduled_event_id=0,
            started_event_id=0,
            identity="",
            activity_type=self.name,
            activity_id=self.name,
            retry_state=None,
        )
        error.__cause__ = cause if isinstance(cause, FailureError) else _as_failure(cause)
        self.set_exception(error)


@dataclass(eq=False)
class Server:
    """The runtime that `temporalio.workflow` finds on the loop."""

    loop: VirtualLoop
    epoch: datetime
    activities: dict[str, Callable[..., Coroutine[Any, Any, Any]]]
    worker: Worker = field(default_factory=Worker)
    jobs: set[Job] = field(default_factory=set)
    handlers: int = 0
    runs: int = 0
    info: Any = None
    logger_details: dict[str, str] = field(default_factory=dict)
    _conditions: list[tuple[Callable[[], bool], "asyncio.Future[None]"]] = field(default_factory=list)

    def __post_init__(self) -> None:
        setattr(self.loop, "__temporal_workflow_runtime", self)
        self.loop.settle = self._judge_conditions
        self.info = _info(0, _MORNING)

    # What the workflow calls.

    def workflow_info(self) -> Any:
        return self.info

    def workflow_continue_as_new(self, start: Any, **_: Any) -> None:
        raise GoesOn(start)

    def begin_run(self) -> None:
        """Give the next run an id of its own."""
        self.runs += 1
        self.info = _info(self.runs, self.epoch + timedelta(seconds=self.loop.time()))

    def workflow_metric_meter(self) -> MetricMeter:
        return MetricMeter.noop

    def workflow_time_ns(self) -> int:
        return round((self.epoch.timestamp() + self.loop.time()) * 1e9)

    def workflow_upsert_search_attributes(self, attributes: Any, **_: Any) -> None:
        return

    def workflow_set_current_details(self, details: str) -> None:
        return

    def workflow_all_handlers_finished(self) -> bool:
        return self.handlers == 0

    def workflow_is_replaying(self) -> bool:
        return False

    def workflow_is_replaying_history_events(self) -> bool:
        return False

    def workflow_patch(self, id: str, *, deprecated: bool) -> bool:
        return True

    async def workflow_wait_condition(
        self, fn: Callable[[], bool], *, timeout: float | None = None, **_: Any
    ) -> None:
        future: asyncio.Future[None] = self.loop.create_future()
        self._conditions.append((fn, future))
        await asyncio.wait_for(future, timeout)

    async def workflow_sleep(self, duration: float, **_: Any) -> None:
        await asyncio.sleep(duration)

    def workflow_start_activity(self, what: Any, *args: Any, **options: Any) -> Job:
        job = Job(self.loop, what.__name__, options)
        self.jobs.add(job)
        within = options["schedule_to_close_timeout"]
        if within is not None:
            self.loop.call_later(within.total_seconds(), self._expire, job)
        self.loop.create_task(self._carry_out(job, args))
        return job

    def workflow_start_local_activity(self, what: Any, *args: Any, **options: Any) -> Job:
        """Carry it out within the step: who dies in it loses the step, and the next begins it anew."""
        job = Job(self.loop, what.__name__, options, local=True)
        self.jobs.add(job)
        self.loop.create_task(self._carry_out(job, args))
        return job

    def _expire(self, job: Job) -> None:
        if not job.done():
            job.fail(TimeoutError("too long", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=[]))
            if job.current is not None:
                job.current.superseded = True

    def _judge_conditions(self) -> bool:
        """Wake who waits for what is true now; tell whether anybody was woken."""
        woken = False
        left = []
        for condition in self._conditions:
            fn, future = condition
            if future.done():
                continue
            if fn():
                future.set_result(None)
                woken = True
            else:
                left.append(condition)
        self._conditions = left
        return woken

    # Activities.

    async def _carry_out(self, job: Job, args: tuple[Any, ...]) -> None:
        policy: RetryPolicy = job.options["retry_policy"] or RetryPolicy()
        number = 0
        while True:
            number += 1
            await asyncio.sleep(STEP)
            if job.done():
                break
            job.between_attempts = False
            failure = await self._try(job, args, number)
            await asyncio.sleep(STEP)
            if failure is None or job.done():
                break
            if job.local and isinstance(failure, TimeoutError):
                continue
            if job.cancel_requested or _final(failure) or number == policy.maximum_attempts:
                job.fail(failure)
                break
            job.between_attempts = True
            await asyncio.sleep(_pause(policy, number))
            if job.done():
                break
        self.jobs.discard(job)

    async def _try(self, job: Job, args: tuple[Any, ...], number: int) -> BaseException | None:
        """Run one attempt to its end or its loss; return why it failed."""
        attempt = job.current = Attempt(self.worker)
        lost = job.lost = self.loop.create_future()
        context = contextvars.copy_context()
        context.run(self._enter_activity, job, attempt, number)
        work = self.activities[job.name](*args)
        task = attempt.task = self.loop.create_task(work, context=context)
        await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
        if lost.done() or (not task.cancelled() and isinstance(task.exception(), Killed)):
            if not lost.done():
                await lost
            attempt.superseded = True
            return TimeoutError("no heartbeat", type=TimeoutType.HEARTBEAT, last_heartbeat_details=[])
        if task.cancelled():
            return CancelledError("the activity was cancelled")
        if task.exception() is not None:
            return task.exception()
        await asyncio.sleep(STEP)
        if not job.done():
            job.set_result(task.result())
        return None

    def _enter_activity(self, job: Job, attempt: Attempt, number: int) -> None:
        info = SimpleNamespace(
            activity_id=job.name,
            attempt=number,
            workflow_id="strategy",
            workflow_run_id="run",
            heartbeat_details=job.heartbeat_details,
            started_time=self.epoch + timedelta(seconds=self.loop.time()),
        )
        attempt_now.set(attempt)
        activity._Context.set(
            activity._Context(
                info=lambda: info,  # type: ignore[arg-type, return-value]
                heartbeat=lambda *details: self._heartbeat(job, attempt, details),
                cancelled_event=_NO_EVENT,
                worker_shutdown_event=_NO_EVENT,
                shield_thread_cancel_exception=None,
                payload_converter_class_or_instance=None,  # type: ignore[arg-type]
                runtime_metric_meter=None,
                client=None,
                cancellation_details=attempt.details,
            )
        )

    def _heartbeat(self, job: Job, attempt: Attempt, details: tuple[Any, ...]) -> None:
        if attempt.worker.dead:
            raise Killed
        if self.loop.time() < attempt.frozen_until:
            return
        if details and not attempt.superseded:
            job.heartbeat_details = details
        asked = job.cancel_requested and not attempt.superseded
        if (asked or attempt.superseded) and attempt.details.details is None and attempt.task is not None:
            attempt.details.details = activity.ActivityCancellationDetails(
                cancel_requested=asked, not_found=not asked
            )
            self.loop.call_soon(attempt.task.cancel)

    # Faults.

    def kill_worker(self, worker: Worker) -> None:
        """A worker process dies; another takes over what it was doing when the server notices."""
        worker.dead = True
        worker.dead_since = self.loop.time()
        for job in self.jobs:
            if job.current is not None and job.current.worker is worker:
                self._lose(job)
        if self.worker is worker:
            self.worker = Worker()

    async def freeze(self, seconds: float) -> None:
        """The process of the attempt that calls stops, and goes on later; the server may not wait for it."""
        attempt = attempt_now.get()
        if attempt is not None:
            attempt.frozen_until = self.loop.time() + seconds
            worker = attempt.worker
            worker.frozen_since, worker.frozen_until = self.loop.time(), attempt.frozen_until
            if self.worker is attempt.worker:
                self.worker = Worker()
            for job in self.jobs:
                if job.current is attempt and seconds > _patience(job):
                    self._lose(job)
        await asyncio.sleep(seconds)

    def _lose(self, job: Job) -> None:
        lost = job.lost
        if lost is not None:
            self.loop.call_later(_patience(job), _set, lost)


def _set(lost: "asyncio.Future[None]") -> None:
    if not lost.done():
        lost.set_result(None)


def _patience(job: Job) -> float:
    if job.local:
        return TASK_TIMEOUT.total_seconds()
    limit: timedelta = job.options["heartbeat_timeout"] or job.options["start_to_close_timeout"]
    return limit.total_seconds()


def _pause(policy: RetryPolicy, number: int) -> float:
    first = policy.initial_interval.total_seconds()
    longest = policy.maximum_interval.total_seconds() if policy.maximum_interval else 100 * first
    return float(min(first * policy.backoff_coefficient ** (number - 1), longest))


def _as_failure(error: BaseException) -> ApplicationError:
    return ApplicationError(str(error), type=type(error).__name__)


def _final(failure: BaseException) -> bool:
    return isinstance(failure, ApplicationError) and failure.non_retryable


_NO_EVENT = _CompositeEvent(thread_event=threading.Event(), async_event=None)
"""Never set: workers here die, none is asked to end; `activity.is_worker_shutdown` reads its thread half."""
_MORNING = datetime(2026, 11, 23, tzinfo=UTC)


def _info(number: int, began: datetime) -> Any:
    """Return what the n-th run of a day is told of itself."""
    return SimpleNamespace(
        _logger_details=dict,
        workflow_id="strategy",
        run_id=f"run{number or ''}",
        get_current_history_length=lambda: 1,
        start_time=began,
        workflow_start_time=began,
    )
