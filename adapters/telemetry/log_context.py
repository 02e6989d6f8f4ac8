"""Binds the ids of an activity's arguments to its log lines.

A task that an activity leaves running (a scheduled order) keeps them: a task inherits the context it was made
in.
"""

from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

_IDS = ("user_id", "strategy_id")
_WITHIN = ("key", "ref", "order", "strategy", "start")
"""Fields of our messages under which the ids may stand, nearest first."""


class LogContext(Interceptor):
    """Binds activity, workflow_id, run_id, and the user_id and strategy_id of the message."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap the activity."""
        return _Bound(next)


class _Bound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        known = {"workflow_id": info.workflow_id, "run_id": info.workflow_run_id}
        named = {name: value for name, value in known.items() if value}
        found = next((ids for ids in map(ids_of, input.args) if ids), {})
        with structlog.contextvars.bound_contextvars(activity=info.activity_type, **named, **found):
            return await super().execute_activity(input)


def ids_of(message: object, depth: int = 3) -> dict[str, str]:
    """Return user_id and strategy_id of a message of `domain.run`, its own or a nested one's."""
    found = {name: str(value) for name in _IDS if (value := getattr(message, name, None)) is not None}
    if found or not depth:
        return found
    for name in _WITHIN:
        inner = getattr(message, name, None)
        if inner is not None and (found := ids_of(inner, depth - 1)):
            return found
    return {}
