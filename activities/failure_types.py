"""Types of the failures by which activities tell the run what to do next."""

from temporalio.exceptions import ApplicationError

from execution.order_intent import HeldUp

NOT_PLACED = "OrderNotPlaced"
"""Asks Temporal for the next of the attempts."""
HELD_UP = "SaleHeldUp"
"""A sale was refused, and another try is not due yet. Details: the refusal, the attempt's number, the seconds
until the next try, and whether others have to act."""
STORE_AWAY = "StoreUnavailable"
"""Tells the run to sell alone; its detail says whether an order may be in flight."""
IN_DOUBT = "OrderInDoubt"
"""An order was sent without the store and never found: the run takes it that it may be in flight."""
STOOD_DOWN = "StoodDown"
"""There is nothing for this run to own."""


def held_up(held: HeldUp) -> ApplicationError:
    """Return the failure of a sale that was refused and is not tried again yet."""
    found = held.obstacle
    details = found.refusal.value, found.attempt, found.wait.total_seconds(), found.is_others
    return ApplicationError(str(held), *details, type=HELD_UP, non_retryable=True)
