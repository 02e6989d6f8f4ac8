"""The client of the runs for the API, the worker and the listener: ids, the task queue, and the calls."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import NoSuchRun, Unavailable
from domain.limits import LimitName
from domain.reconciler import Slice
from domain.run import RUN_PREFIX, RUN_VERSION, PriceHit, RunView, StartRun, StopRequest, workflow_id
from domain.run_texts import summary
from domain.strategy import OnStop, Phase
from domain.trigger import TriggerKind
from domain.watched_strategy import WatchedStrategy
from workflows import policies
from workflows.notifications import NotificationRun
from workflows.reconciler import Reconciler
from workflows.run_writes import PHASE
from workflows.strategy_run import StrategyRun
from workflows.versions import free_of_its_version

USER = SearchAttributeKey.for_keyword("StopwatchUser")
SYMBOL = SearchAttributeKey.for_keyword("StopwatchSymbol")
RECONCILER_ID = "stopwatch-reconciler"
NOTIFICATIONS_ID = "stopwatch-notices"
START_DEADLINE = timedelta(seconds=10)
"""A START that is not written down by then is answered with 503; the run goes on by itself."""
SIGNAL_DEADLINE = timedelta(seconds=3)
WORD_DEADLINE = timedelta(seconds=0.5)
"""For what is said beside an order to sell: the order does not wait longer for it."""
AWAY = (RPCError, RuntimeError)
"""What the client raises when Temporal is away: a lazy first connection fails with a RuntimeError."""


_CUT_SHORT = "ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')"
_OURS = "WorkflowType = 'StrategyRun' AND "


class TemporalAway(Unavailable):
    """Temporal did not answer, or the outcome is unknown."""


def _strategy_of(workflow_id: str) -> UUID | None:
    """Return the strategy of a workflow id; None for an id of another form."""
    try:
        return UUID(workflow_id.removeprefix(RUN_PREFIX)[:36])
    except ValueError:
        return None


class TemporalRuns:
    """Starts and stops runs. Raises `Unavailable` when Temporal is away, `NoSuchRun` when none is open."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def start(self, start: StartRun) -> RunView:
        """Start the run, or join the one that is open; return once its start is written down.

        The update has an id of its own each time: under one of before, a run that is closed by now would
        answer what it said then, and no run would begin.
        """
        start = replace(start, version=RUN_VERSION)
        operation = WithStartWorkflowOperation(
            StrategyRun.run,
            start,
            id=workflow_id(start.strategy.strategy_id, start.plan.trading_day),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=policies.TASK_TIMEOUT,
            priority=policies.fair_to(start.strategy.user_id),
            search_attributes=_attributes(start),
            static_summary=summary(start),
        )
        try:
            view: RunView = await self._client.execute_update_with_start_workflow(
                "started",
                result_type=RunView,
                start_workflow_operation=operation,
                rpc_timeout=START_DEADLINE,
            )
        except (*AWAY, WorkflowUpdateFailedError, RPCTimeoutOrCancelledError) as error:
            raise TemporalAway(f"the start could not be confirmed ({type(error).__name__})") from error
        return view

    async def stop(
        self,
        workflow_id: str,
        run_id: str,
        request: StopRequest,
        wait_seconds: float,
    ) -> RunView | None:
        """Ask the run to stop and wait for it; None when it is still exiting after `wait_seconds`.

        Calls share one update id, so a second call waits for the same stop. Only an explicit "keep" has an
        id of its own: it must reach a run whose exit is already under way.
        """
        try:
            return await self._stop(workflow_id, run_id, request, wait_seconds)
        except NoSuchRun:
            goes_on = await _goes_on_in(self._client, workflow_id, run_id)
            if goes_on is None:
                raise
            return await self._stop(workflow_id, goes_on, request, wait_seconds)

    async def _stop(
        self, workflow_id: str, run_id: str, request: StopRequest, wait_seconds: float
    ) -> RunView | None:
        suffix = "-keep" if request.on_stop is OnStop.KEEP else ""
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id)
        if request.on_stop is not OnStop.KEEP:
            # The update is one for all calls; a sale that was refused, and waits, has to hear each of them.
            await self._ask_again(workflow_id, run_id)
        try:
            view: RunView = await handle.execute_update(
                "stop",
                {"on_stop": request.on_stop},
                result_type=RunView,
                id=f"stop-{run_id}{suffix}",
                rpc_timeout=timedelta(seconds=wait_seconds),
            )
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            return None
        except WorkflowUpdateFailedError as failed:
            raise NoSuchRun(workflow_id) from failed
        except AWAY as error:
            if _gone(error):
                raise NoSuchRun(workflow_id) from error
            raise TemporalAway("the stop could not be delivered") from error
        return view

    async def sell(self, workflow_id: str, run_id: str, *, by_operator: bool = False) -> bool:
        """Ask the run to stop and sell, without waiting for it; False where it is not open any more."""
        return await _told_to_sell(self._client, workflow_id, run_id, by_operator=by_operator)

    async def tell_plan_anew(self, workflow_id: str, run_id: str) -> None:
        """Tell a run that waits that its terms or days have changed; one that has ended is skipped."""
        await _signal(self._client, workflow_id, run_id, "PLAN_ANEW")

    async def _ask_again(self, workflow_id: str, run_id: str) -> None:
        with suppress(TemporalAway):  # the stop itself, next, says whether Temporal is there
            await _signal(self._client, workflow_id, run_id, "SELL")


class TemporalOpenRuns:
    """Implements `domain.ports.OpenRuns`."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def open_ids(self, part: Slice) -> frozenset[str]:
        """Return the ids of a slice that Temporal's list shows as open; the newest may be missing."""
        return frozenset(await self._listed(_open(part)))

    async def open_count(self, part: Slice, started_before: datetime) -> int:
        """Return how many runs of a slice, started before that instant, Temporal's list shows as open."""
        old = f"{_OURS}{_open(part)} AND StartTime < '{started_before.isoformat()}'"
        try:
            return (await self._client.count_workflows(old)).count
        except AWAY as error:
            raise TemporalAway("the runs could not be counted") from error

    async def ended_since(self, instant: datetime) -> frozenset[UUID]:
        """Return the strategies whose run was ended after that instant, as far as Temporal's list knows.

        Runs that completed by themselves are left out: they have written their outcome before, and after the
        close of a day they are a thousand at once.
        """
        ended = await self._listed(f"{_CUT_SHORT} AND CloseTime > '{instant.isoformat()}'")
        return frozenset(found for found in map(_strategy_of, ended) if found is not None)

    async def _listed(self, condition: str) -> list[str]:
        try:
            return [
                found.id async for found in self._client.list_workflows(_OURS + condition, page_size=1000)
            ]
        except AWAY as error:
            raise TemporalAway("the list of runs could not be read") from error

    async def is_open(self, workflow_id: str) -> bool:
        """Tell for certain whether a workflow of that id is open."""
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe()
        except AWAY as error:
            if _gone(error):
                return False
            raise TemporalAway("a run could not be looked up") from error
        return found.status is WorkflowExecutionStatus.RUNNING

    async def sell(
        self, workflow_id: str, run_id: str, limit: LimitName | None = None, *, by_operator: bool = False
    ) -> bool:
        """Ask a run to stop and sell, without waiting for it; False where none is open any more."""
        return await _told_to_sell(self._client, workflow_id, run_id, limit, by_operator=by_operator)

    async def tell_sold(self, workflow_id: str, run_id: str) -> None:
        """Tell a run that nothing is held any more; one that has ended is skipped."""
        await _signal(self._client, workflow_id, run_id, "SOLD")

    async def adopt(self, start: StartRun) -> None:
        """Start a run that takes `start` over, unless one is open."""
        await self._begin(start, f"{summary(start)} · adopted")

    async def begin(self, start: StartRun) -> None:
        """Start the run of a START that is written down, unless one is open."""
        await self._begin(start, summary(start))

    async def tell_plan_anew(self, workflow_id: str, run_id: str) -> None:
        """Tell a run that waits that terms or calendar have changed; one that has ended is skipped."""
        await _signal(self._client, workflow_id, run_id, "PLAN_ANEW")

    async def _begin(self, start: StartRun, words: str) -> None:
        start = replace(start, version=RUN_VERSION)
        try:
            await self._client.start_workflow(
                StrategyRun.run,
                start,
                id=workflow_id(start.strategy.strategy_id, start.plan.trading_day),
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=policies.TASK_TIMEOUT,
                priority=policies.fair_to(start.strategy.user_id),
                search_attributes=_attributes(start),
                static_summary=words,
            )
        except AWAY as error:
            raise TemporalAway("a run could not be started") from error


async def _told_to_sell(
    client: Client,
    workflow_id: str,
    run_id: str,
    limit: LimitName | None = None,
    *,
    by_operator: bool = False,
) -> bool:
    """Return True once the run has accepted the sale; False where none is open. Raises `TemporalAway`."""
    for goes_on in (run_id, None):
        at = goes_on or await _goes_on_in(client, workflow_id, run_id)
        if at is None:
            return False
        handle = client.get_workflow_handle(workflow_id, run_id=at)
        if by_operator:
            await _say_by_operator(handle, at)
        try:
            await handle.start_update(
                "stop",
                {"on_stop": OnStop.EXIT, "limit": limit},
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                id=f"stop-{at}",
                rpc_timeout=SIGNAL_DEADLINE,
            )
        except (*AWAY, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            if not _gone(error):
                raise TemporalAway("a run could not be told to sell") from error
        else:
            return True
    return False


async def _say_by_operator(handle: WorkflowHandle[Any, Any], run_id: str) -> None:
    """Tell a run who stops it, by another update: one of an older build refuses that, and is stopped."""
    with suppress(*AWAY, WorkflowUpdateRPCTimeoutOrCancelledError):
        stage, id_ = WorkflowUpdateStage.ACCEPTED, f"by-operator-{run_id}"
        await handle.start_update("by_operator", wait_for_stage=stage, id=id_, rpc_timeout=WORD_DEADLINE)


async def _goes_on_in(client: Client, workflow_id: str, run_id: str) -> str | None:
    """Return the open run in which `run_id` goes on; None where there is none.

    An operator has reset it, or it has sold and buys again; the strategy's row does not know it yet. The run
    of a later START has the same workflow id and is another one: its chain began with another run.
    """
    try:
        found = await client.get_workflow_handle(workflow_id).describe()
        if found.status is not WorkflowExecutionStatus.RUNNING:
            return None
        first = _first_run(found)
        if first != run_id and first != await _first_of(client, workflow_id, run_id):
            return None
    except AWAY as error:
        if _gone(error):
            return None
        raise TemporalAway("a run could not be looked up") from error
    return found.run_id


async def _first_of(client: Client, workflow_id: str, run_id: str) -> str:
    return _first_run(await client.get_workflow_handle(workflow_id, run_id=run_id).describe())


def _first_run(found: WorkflowExecutionDescription) -> str:
    return str(found.raw_description.workflow_execution_info.first_run_id)


async def start_reconciler(client: Client, task_queue: str) -> None:
    """Start the one reconciler, unless it is open."""
    await _start_endless(client, task_queue, Reconciler.run, RECONCILER_ID, "repairs what runs cannot")


async def start_notifications(client: Client, task_queue: str) -> None:
    """Start the one run that sends notifications, unless it is open."""
    await _start_endless(
        client, task_queue, NotificationRun.run, NOTIFICATIONS_ID, "tells users what happens"
    )


async def _start_endless(client: Client, task_queue: str, run: Any, id_: str, words: str) -> None:
    await client.start_workflow(
        run,
        id=id_,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        task_timeout=policies.TASK_TIMEOUT,
        static_summary=words,
    )
    await free_of_its_version(client, id_)


_SIGNALS = {TriggerKind.STOP: "STOPLOSS", TriggerKind.TARGET: "TARGET"}


class TemporalStopSignals:
    """Implements `domain.ports.StopSignals`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def hit(self, watched: WatchedStrategy, kind: TriggerKind, hit: PriceHit) -> bool:
        """Signal STOPLOSS or TARGET to the strategy's run; False when that run is not open any more."""
        message = {
            "price": str(hit.price),
            "tick_at": hit.tick_at.isoformat() if hit.tick_at else None,
            "seen_at": hit.seen_at.isoformat() if hit.seen_at else None,
        }
        if hit.peak is not None:
            message["peak"] = str(hit.peak)
        return await _signal(self._client, watched.workflow_id, watched.run_id, _SIGNALS[kind], message)

    async def sold(self, watched: WatchedStrategy) -> bool:
        """Signal SOLD to the strategy's run; False when that run is not open any more."""
        return await _signal(self._client, watched.workflow_id, watched.run_id, "SOLD")


async def _signal(client: Client, workflow_id: str, run_id: str, name: str, *message: object) -> bool:
    """Signal a run; False when it is not open any more. Raises `TemporalAway`."""
    # By its run first: a late signal must not reach a later round of the same day. A run that an operator
    # has reset goes on under another run id, which the row does not know yet: then by the workflow's id.
    for known_run_id in (run_id, None):
        handle = client.get_workflow_handle(workflow_id, run_id=known_run_id)
        try:
            await handle.signal(name, args=message, rpc_timeout=SIGNAL_DEADLINE)
        except AWAY as error:
            if not _gone(error):
                raise TemporalAway(f"the signal {name} could not be delivered") from error
        else:
            return True
    return False


def _open(part: Slice) -> str:
    return f"ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '{RUN_PREFIX}{part.prefix}'"


def _attributes(start: StartRun) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(USER, str(start.strategy.user_id)),
            SearchAttributePair(SYMBOL, start.strategy.symbol),
            SearchAttributePair(PHASE, Phase.WAITING),
        ]
    )


def _gone(error: Exception) -> bool:
    return isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND
