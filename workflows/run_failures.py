"""The failures that a run tells apart: those of its activities, and the one by which it refuses an update."""

from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from activities.failure_types import STOOD_DOWN

STOP_REFUSED = "StopRefused"
"""The update `stop` does not say clearly what is wanted: nothing has happened."""
UNREADABLE = "UnreadableInput"
"""A run was started with an input that its workflow cannot read: it has ended, and traded nothing."""


def cause_of(failed: FailureError) -> BaseException | None:
    """Return what an activity failed of: the SDK raises now the cause alone, now wrapped."""
    return failed.cause if isinstance(failed, ActivityError) else failed


def is_stood_down(failed: FailureError) -> bool:
    """Tell whether the store refused a run's start: there is nothing to own, or another run owns it."""
    cause = cause_of(failed)
    return isinstance(cause, ApplicationError) and cause.type == STOOD_DOWN
