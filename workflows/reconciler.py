"""The reconciler: one run that goes round every few seconds, for ever."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.reconciling import ReconcileActivities
    from workflows import policies


@workflow.defn(name="Reconciler")
class Reconciler:
    """Repairs what runs cannot; begins a new history now and again, since it never ends."""

    @workflow.run
    async def run(self) -> None:
        for _ in range(policies.RECONCILER_ROUNDS):
            try:
                await workflow.execute_activity_method(
                    ReconcileActivities.reconcile,
                    start_to_close_timeout=policies.RECONCILE_TIMEOUT,
                    retry_policy=policies.RECONCILE_RETRY,
                    summary="look for what runs cannot repair",
                )
            except ActivityError as failed:
                workflow.logger.warning("a round of the reconciler failed: %s", failed.cause)
            await workflow.sleep(timedelta(seconds=policies.RECONCILE_EVERY), summary="until the next round")
        workflow.continue_as_new()
