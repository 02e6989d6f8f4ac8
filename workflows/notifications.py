"""Sends notifications for ever: each round, one activity sends for most of a minute."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.notifications import NotificationActivities
    from workflows import policies


@workflow.defn(name="Notices")
class NotificationRun:
    """Keeps one activity sending; continues as new now and then, since it never ends."""

    @workflow.run
    async def run(self) -> None:
        for _ in range(policies.NOTICE_ROUNDS):
            try:
                await workflow.execute_activity_method(
                    NotificationActivities.deliver_notices,
                    start_to_close_timeout=policies.NOTICE_TIMEOUT,
                    heartbeat_timeout=policies.NOTICE_HEARTBEAT,
                    retry_policy=policies.NOTICE_RETRY,
                    summary="tell users what happens",
                )
            except ActivityError as failed:
                workflow.logger.warning("notifications could not be sent: %s", failed.cause)
                await workflow.sleep(timedelta(seconds=5))
        workflow.continue_as_new(initial_versioning_behavior=policies.NEWEST_VERSION)
