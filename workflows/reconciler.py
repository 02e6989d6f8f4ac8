"""The reconciler: one run that makes a round every few seconds, for ever."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.morning import MorningActivities
    from activities.reconciler import ReconcileActivities
    from domain.reconciler import Look, Looked, due_alerts
    from workflows import policies


@workflow.defn(name="Reconciler")
class Reconciler:
    """Repairs what runs cannot; continues as new now and then, since it never ends."""

    @workflow.run
    async def run(self, looked: Looked | None = None) -> None:
        since = looked.at if looked else workflow.now()
        for number in range(policies.RECONCILER_ROUNDS):
            # A new reconciler knows nothing of what happened before it: it begins with everything.
            look = Look(number if number or looked else None)
            await self._attempt(
                ReconcileActivities.reconcile,
                "look for what runs cannot repair",
                look,
                beat=policies.RECONCILE_HEARTBEAT,
            )
            now = workflow.now()
            if due_alerts(since, now):
                await self._attempt(MorningActivities.tell_people, "tell who must act")
            since = now
            await workflow.sleep(timedelta(seconds=policies.RECONCILE_EVERY), summary="until the next round")
        workflow.continue_as_new(Looked(since), initial_versioning_behavior=policies.NEWEST_VERSION)

    async def _attempt(
        self, what: Callable[..., Any], summary: str, *messages: Look, beat: timedelta | None = None
    ) -> None:
        try:
            await workflow.execute_activity_method(
                what,
                args=messages,
                start_to_close_timeout=policies.RECONCILE_TIMEOUT,
                heartbeat_timeout=beat,
                retry_policy=policies.RECONCILE_RETRY,
                summary=summary,
            )
        except ActivityError as failed:
            workflow.logger.warning("the reconciler could not %s: %s", summary, failed.cause)
