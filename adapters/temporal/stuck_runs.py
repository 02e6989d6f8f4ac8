"""Counts runs whose workflow task fails again and again: Temporal marks them within a minute (measured).

Such a run cannot raise an alarm itself: the code that would raise it is what fails.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from domain.errors import Unavailable

_STUCK = (
    "ExecutionStatus = 'Running' AND "
    "TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'category=WorkflowTaskTimedOut')"
)
_ANSWERS_WITHIN = timedelta(seconds=3)


def counting_stuck_runs(client: Client) -> Callable[[], Awaitable[int]]:
    """Return a function that counts them. It raises `Unavailable` when Temporal does not answer."""

    async def count() -> int:
        try:
            return (await client.count_workflows(_STUCK, rpc_timeout=_ANSWERS_WITHIN)).count
        except (RPCError, RuntimeError) as away:
            raise Unavailable(f"Temporal did not return a count: {away}") from away

    return count
