"""The Temporal worker: it carries out strategies and places orders. The composition root of that process."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog
import uvloop
from pydantic import ValidationError
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.heartbeat import SHUTDOWN_GRACE
from adapters.alerts.cloudwatch_unset import CloudWatchUnset
from adapters.kite.egress import BadEgress
from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.operator_alerts import PostgresOperatorAlerts
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from adapters.postgres.watchers import Watchers
from adapters.process.failpoints import BadFailpoint, arm_from
from adapters.process.garbage_collection import collect_when_quiet
from adapters.process.hardening import no_core_dumps, untraceable
from adapters.process.leaving import leave
from adapters.process.open_files import allow_open_files
from adapters.process.slow_end import watch_slow_end
from adapters.secrets.vault import BadKey
from adapters.telemetry.disk import Disk
from adapters.telemetry.log_context import LogContext
from adapters.telemetry.logs import configure
from adapters.telemetry.metrics_server import MetricsPortTaken
from adapters.telemetry.operations_metrics import OperationsWatch
from adapters.telemetry.process_tracing import open_tracing
from adapters.telemetry.tracing import Tracing
from adapters.telemetry.worker_metrics import WorkerMetrics
from adapters.temporal.connection import BadCertificate, TemporalAddress, at_port, connect
from adapters.temporal.stuck_runs import counting_stuck_runs
from execution.held_stop_watch import HeldStopWatch
from execution.task_end import ended
from settings import MissingSetting, Settings, what_is_wrong
from wiring import (
    WorkerComponents,
    account_day_watch,
    account_watch,
    build_components,
    build_dependencies,
    charge_check,
    dependency_watch,
    open_notifiers,
    open_readings,
)
from workflows.client import start_notifications, start_reconciler
from workflows.sandbox import fast_runner
from workflows.versions import carried_out, deployment

ACTIVITIES = 2000
"""Scheduled activities wait for their instant inside the worker; the SDK's default of 100 queues them."""
CACHED_RUNS = 500
KEEP_CHECK = 60.0
"""Seconds between two checks that the runs that never end are open, and pinned to no version."""
STICKY = timedelta(seconds=1)
"""How long a run waits for its old worker; with 10 s, the default, a kill is felt 13 s later (measured)."""
HEARTBEAT_THROTTLE = timedelta(seconds=0.5)
"""Heartbeats leave this often at most; a stop reaches a scheduled order with the next one."""


async def serve(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish current sends and leave other orders to other workers."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        tracing = stack.enter_context(open_tracing(settings.otlp_endpoint, "worker"))
        dependencies = build_dependencies(settings, tracing)
        stack.push_async_callback(dependencies.store.close)
        stack.push_async_callback(dependencies.heartbeat_store.close)
        stack.push_async_callback(dependencies.cache.close)
        stack.push_async_callback(dependencies.stops.close)
        stack.push_async_callback(dependencies.mark.close)
        stack.callback(dependencies.pool.close)
        stack.callback(dependencies.brokers.close)
        metrics = WorkerMetrics()
        notifiers = await open_notifiers(settings, dependencies, metrics, stack)
        client = await _client(settings, tracing)
        readings = open_readings(settings, dependencies, stack)
        work = build_components(settings, dependencies, readings, client, notifiers, metrics)
        watch = dependency_watch(settings, client, notifiers.alerts, dependencies.name, stack)
        metrics.show(work.scheduled_orders, watch.down, Disk(settings.disk))
        # A connection of its own, made with the first look: no order waits behind a count.
        counting = Store.open(
            settings.need("database_url_worker"), pool_size=1, application="stopwatch worker, counting"
        )
        stack.push_async_callback(counting.close)
        stuck = counting_stuck_runs(client)
        operations = OperationsWatch(
            metrics.operations,
            PostgresOperatorAlerts(counting),
            dependencies.stops.waiting,
            stuck,
            dependencies.clock,
            Watchers(counting),
            PostgresOverdueRuns(counting, timedelta(seconds=settings.entry_horizon_seconds)),
        )
        held = HeldStopWatch(PostgresHeldStops(counting), notifiers.alerts, dependencies.clock)
        shown = metrics.served(
            settings.metrics_host, settings.metrics_port, watch, operations, lambda: held.ill
        )
        await stack.enter_async_context(shown)
        await stack.enter_async_context(_running(held.run()))
        await stack.enter_async_context(_worker(settings, work.activities, client))
        await stack.enter_async_context(_background_orders(settings, work))
        await stack.enter_async_context(_running(work.closes.run()))
        await stack.enter_async_context(_running(work.listed.run()))
        accounts = account_watch(dependencies, readings, notifiers.alerts)
        await stack.enter_async_context(_running(accounts.run()))
        charges = charge_check(dependencies, readings, notifiers.alerts)
        await stack.enter_async_context(_running(charges.run()))
        days = account_day_watch(settings, dependencies, client, notifiers.alerts, stack)
        await stack.enter_async_context(_running(days.run()))
        watching = asyncio.create_task(watch.run())
        stack.callback(watching.cancel)
        keeping = asyncio.create_task(_keep_endless_runs(client, settings.temporal_task_queue))
        stack.callback(keeping.cancel)
        collecting = asyncio.create_task(collect_when_quiet(work.scheduled_orders.is_quiet))
        stack.callback(collecting.cancel)
        if settings.ready_file is not None:
            settings.ready_file.write_text("ready\n")
        structlog.get_logger().info("worker is ready", task_queue=settings.temporal_task_queue)
        await stopping.wait()
        watch_slow_end()


async def _client(settings: Settings, tracing: Tracing) -> Client:
    return await connect(
        TemporalAddress.of(settings),
        metrics=at_port(settings.metrics_host, settings.temporal_metrics_port),
        interceptors=tracing.interceptors,
    )


async def _keep_endless_runs(client: Client, task_queue: str) -> None:
    """Restart the runs that never end: an operator may have ended one, Temporal may have been reset."""
    while True:
        for name, start in (("the reconciler", start_reconciler), ("the notifications", start_notifications)):
            try:
                await start(client, task_queue)
            except (RPCError, RuntimeError) as away:
                structlog.get_logger().warning(f"{name} could not be started", reason=str(away))
        await asyncio.sleep(KEEP_CHECK)


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run work beside the context, and wait for its end after cancelling it."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        await ended([task])


@asynccontextmanager
async def _background_orders(settings: Settings, work: WorkerComponents) -> AsyncIterator[None]:
    """Run scheduled orders and all that sells without a run; finish current sends at the end."""
    tasks = [asyncio.ensure_future(_hold_orders(work)), asyncio.ensure_future(work.standing.run())]
    tasks.append(asyncio.ensure_future(work.keeper.run()))
    if settings.fast_path == "on":
        tasks.append(asyncio.ensure_future(work.fast.run()))
    try:
        yield
    finally:
        await ended(tasks)


async def _hold_orders(work: WorkerComponents) -> None:
    await work.waking.wake()  # before the first heartbeat
    await work.scheduled_orders.run()


def _worker(settings: Settings, activities: Sequence[Callable[..., Any]], client: Client) -> Worker:
    return Worker(
        client,
        task_queue=settings.temporal_task_queue,
        workflows=carried_out(settings.build_id),
        activities=activities,
        workflow_runner=fast_runner(),
        deployment_config=deployment(settings.build_id),
        interceptors=[LogContext()],
        max_concurrent_activities=ACTIVITIES,
        max_cached_workflows=CACHED_RUNS,
        sticky_queue_schedule_to_start_timeout=STICKY,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=SHUTDOWN_GRACE,
    )


def main() -> int:
    """Run a worker; return its exit status."""
    no_core_dumps()
    allow_open_files()
    try:
        settings = Settings()
        if not settings.traceable:
            untraceable()
        configure(settings.log_level, settings.log_format)
        arm_from(settings.failpoints, settings.failpoints_log)
        uvloop.run(serve(settings))
    except ValidationError as wrong:
        sys.stderr.write(f"The worker cannot start. {what_is_wrong(wrong)}.\n")
        return 2
    except (
        *(MissingSetting, BadKey, BadEgress, BadFailpoint, CloudWatchUnset, BadCertificate),
        MetricsPortTaken,
    ) as wrong:
        sys.stderr.write(f"The worker cannot start. {wrong}\n")
        return 2
    except RuntimeError as unreachable:
        sys.stderr.write(
            f"The worker cannot reach Temporal at {settings.temporal_address}: {unreachable}. "
            "Start Temporal, or set STOPWATCH_TEMPORAL_ADDRESS.\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
