"""Writes the changes of an open order's price: asked for once, within the account's budget, and then shown.

A row's `modifications` is a list of `{price, reason, due_at, sent_at, confirmed_at}`, oldest first: prices as
text, instants in ISO 8601. It is written before the broker is asked, so that none is forgotten in a crash.
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.tables import OrderRow
from domain.budget import ENTRIES
from domain.entry_price import newest_to
from domain.order import Attempt, BrokerOrder

REASON = "CHASE"
# The order's own lock comes first, then the account's (`sent_lately`), as in a claim.
_CLAIM = text("""
WITH mine AS MATERIALIZED (
    SELECT order_id, user_id FROM orders
    WHERE order_id = :order_id AND status = 'open' AND jsonb_array_length(modifications) = :known
        AND CAST(:price AS numeric) <= ceiling
    FOR NO KEY UPDATE
), lately AS MATERIALIZED (
    SELECT mine.order_id, recent.in_second, recent.in_minute, clock_timestamp() AS now
    FROM mine CROSS JOIN LATERAL sent_lately(mine.user_id) AS recent
)
UPDATE orders SET modified_at = lately.now,
    modifications = orders.modifications || jsonb_build_object(
        'price', CAST(:price AS text), 'reason', CAST(:reason AS text), 'due_at', lately.now,
        'sent_at', lately.now, 'confirmed_at', null
    )
FROM lately WHERE orders.order_id = lately.order_id
    AND lately.in_second < :a_second AND lately.in_minute < :a_minute
RETURNING orders.order_id
""")


class Modifications:
    """Takes the right to change a price; each is committed when it is answered."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def claim(self, attempt: Attempt, price: Decimal) -> bool:
        """Tell whether this caller now asks the broker for the price."""
        async with self._store.statement() as connection:
            taken = await connection.execute(
                _CLAIM,
                {
                    "order_id": attempt.order_id,
                    "known": attempt.move.number if attempt.move else 0,
                    "price": str(price),
                    "reason": REASON,
                    "a_second": ENTRIES.a_second,
                    "a_minute": ENTRIES.a_minute,
                },
            )
            return taken.first() is not None


def shown(row: OrderRow, seen: BrokerOrder, now: datetime) -> bool:
    """Write at what price the order book shows a LIMIT order; tell whether that confirms a change of it.

    It confirms the newest change to that price, and no other: one that was asked for before, to the same
    price or a lower one, may have been lost.
    """
    if row.ceiling is None or seen.price is None:
        return False
    row.price = seen.price
    made = newest_to(seen.price, [Decimal(change["price"]) for change in row.modifications])
    if made is None or row.modifications[made]["confirmed_at"] is not None:
        return False
    row.modifications = [
        {**change, "confirmed_at": now.isoformat()} if at == made else change
        for at, change in enumerate(row.modifications)
    ]
    return True
