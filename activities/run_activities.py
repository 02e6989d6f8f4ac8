"""Wires the activities of a strategy's run on the ports: one composition for the worker and for tests."""

from collections.abc import Callable, Sequence
from typing import Any

from activities.degraded_exit import DegradedExitActivities
from activities.orders import OrderActivities
from activities.reentry import ReentryActivities
from activities.runs import RunActivities
from domain.ports import Alerts, RunStore, RuntimeCache
from execution.degraded_exit import DegradedExit
from execution.order_path import OrderPath
from execution.scheduled_orders import ScheduledOrders


def run_activities(
    path: OrderPath,
    scheduled: ScheduledOrders,
    off_books: DegradedExit,
    store: RunStore,
    cache: RuntimeCache,
    alerts: Alerts,
) -> Sequence[Callable[..., Any]]:
    """Return all that the workflow of a strategy's day calls."""
    orders = OrderActivities(path.entries, path.exits, path.sender, scheduled)
    runs = RunActivities(store, cache, alerts)
    degraded_exit = DegradedExitActivities(off_books)
    reentry = ReentryActivities(path.prices)
    return [
        *(orders.arm_entry, orders.enter, orders.settle_entry),
        *(orders.arm_exit, orders.exit, orders.settle_exit),
        *(runs.activate, runs.change_phase, runs.note, runs.finish, runs.clean_up, runs.alarm),
        reentry.await_price,
        *(degraded_exit.exit_without_store, degraded_exit.record_off_books),
    ]
