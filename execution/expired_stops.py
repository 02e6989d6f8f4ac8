"""Closes stops of an earlier day: an order lasts for a day, and no book shows it on the next one."""

from collections.abc import Sequence
from datetime import datetime

from domain.order import Attempt, BrokerOrder, LegKey, OrderStatus, OrderTerms
from domain.ports import OrderLog
from domain.session import exchange_time

EXPIRED = "a stop lasts for a day, and the exchange has ended it at the close"


async def leg_of_today(log: OrderLog, key: LegKey, terms: OrderTerms, now: datetime) -> Sequence[Attempt]:
    """Return a protected leg whose stops of earlier days are over; what they sold unseen the account shows.

    Raises `StoreUnavailable`.
    """
    attempts = await log.leg(key)
    expired = [one for one in attempts if _is_expired(one, now)]
    for attempt in expired:
        await log.saw(attempt, _ended(attempt, terms))
    return await log.leg(key) if expired else attempts


def _is_expired(attempt: Attempt, now: datetime) -> bool:
    alive = attempt.status in (OrderStatus.SENT, OrderStatus.OPEN)
    if attempt.resting is None or attempt.sent_at is None or not alive:
        return False
    return exchange_time(attempt.sent_at).date() < exchange_time(now).date()


def _ended(attempt: Attempt, terms: OrderTerms) -> BrokerOrder:
    return BrokerOrder(
        attempt.broker_order_id or "",
        frozenset({attempt.tag}),
        terms.exchange,
        terms.symbol,
        terms.product,
        attempt.key.leg.side,
        attempt.quantity or attempt.filled_quantity,
        attempt.filled_quantity,
        attempt.average_price,
        OrderStatus.CANCELLED,
        EXPIRED,
    )
