"""Writes intents into the order log, and closes those that will not be sent."""

from collections.abc import Sequence
from datetime import datetime

from domain.order import Attempt, LegKey, OrderStatus
from domain.ports import OrderLog
from domain.strategy import Outcome
from execution.order_intent import OrderIntent


async def plan_first(log: OrderLog, intent: OrderIntent) -> None:
    """Write the leg's first intent, unless it exists."""
    await log.plan(intent.key, intent.terms, 1, intent.due_at)


async def plan_another(log: OrderLog, intent: OrderIntent, last: Attempt, now: datetime) -> None:
    """Write the intent that follows `last`."""
    await log.supersede(last, intent.terms, absent=False, message="", due_at=now)


async def call_off(
    log: OrderLog, key: LegKey, message: str, verdict: Outcome | None = None
) -> Sequence[Attempt]:
    """Close what was not sent of a leg: it will not be, and with a `verdict` nothing else of the leg.

    Returns the leg's attempts. An intent may be left behind one that was sent without the store, whose number
    is higher; while it is open, the leg is not over. What another worker plans beside this is called off too.
    """
    attempts = await log.leg(key)
    while unsent := _unsent(attempts):
        for attempt in unsent:
            await log.deny(attempt, message, verdict)
        before, attempts = attempts, await log.leg(key)
        if len(attempts) == len(before):
            break
    return attempts


def _unsent(attempts: Sequence[Attempt]) -> list[Attempt]:
    unsent = [attempt for attempt in attempts[:-1] if attempt.status is OrderStatus.PLANNED]
    if attempts and attempts[-1].status in (OrderStatus.PLANNED, OrderStatus.NOT_PLACED):
        unsent.append(attempts[-1])
    return unsent
