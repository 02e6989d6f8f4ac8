"""Checks what always holds of orders in the database: asked of one that was restored.

Each check reads rows, not indexes: a restored index may hide what is wrong with its table.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import asyncpg

SURE_AFTER = timedelta(seconds=60)
"""A row is dated when it is written and is there when its transaction ends: within seconds."""

_TRADED = """
WITH traded AS (SELECT strategy_id, trading_day, round,
    sum(filled_quantity) FILTER (WHERE leg = 'entry') AS bought,
    sum(filled_quantity) FILTER (WHERE leg = 'exit') AS sold
    FROM orders GROUP BY strategy_id, trading_day, round)
SELECT count(*) FROM strategies JOIN traded USING (strategy_id, trading_day, round) WHERE """
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "orders were sent at no time": "SELECT count(*) FROM orders "
        "WHERE status IN ('sent', 'open', 'complete', 'absent') AND sent_at IS NULL",
        "orders have more filled than was ordered": "SELECT count(*) FROM orders "
        "WHERE filled_quantity > quantity",
        "tags are of two orders": "SELECT count(*) FROM (SELECT tag FROM orders GROUP BY tag "
        "HAVING count(*) > 1) AS twice",
        "attempts of a leg are there twice": "SELECT count(*) FROM (SELECT FROM orders "
        "GROUP BY strategy_id, trading_day, round, leg, attempt HAVING count(*) > 1) AS twice",
        "orders are of no strategy": "SELECT count(*) FROM orders LEFT JOIN strategies USING (strategy_id) "
        "WHERE strategies.strategy_id IS NULL OR strategies.user_id <> orders.user_id",
        "strategies are of no user": "SELECT count(*) FROM strategies LEFT JOIN users USING (user_id) "
        "WHERE users.user_id IS NULL",
        "strategies run without a START": "SELECT count(*) FROM strategies LEFT JOIN starts USING (start_id) "
        "WHERE strategies.status = 'running' AND starts.start_id IS NULL",
        "strategies have shares and no position": "SELECT count(*) FROM strategies "
        "WHERE (position = 'none') <> (bought_quantity = 0)",
        "strategies bought less than their orders": _TRADED + "bought > bought_quantity",
        "strategies sold less than their orders": _TRADED + "sold > sold_quantity",
    }
)
"""What is wrong, and how many rows it is wrong with."""
COMPARED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "orders": (
            "SELECT order_id FROM orders WHERE created_at < $1 ORDER BY created_at DESC LIMIT 5000",
            "SELECT count(*) FROM orders WHERE order_id = ANY($1)",
        ),
        "events": (
            "SELECT event_id FROM events WHERE at < $1 ORDER BY at DESC LIMIT 5000",
            "SELECT count(*) FROM events WHERE event_id = ANY($1)",
        ),
        "starts": (
            "SELECT start_id FROM starts WHERE written_at < $1 ORDER BY written_at DESC LIMIT 5000",
            "SELECT count(*) FROM starts WHERE start_id = ANY($1)",
        ),
        "audit": (
            "SELECT hash FROM audit WHERE at < $1 ORDER BY at DESC LIMIT 5000",
            "SELECT count(*) FROM audit WHERE hash = ANY($1)",
        ),
    }
)
"""The newest rows of the live database, since a restore loses the end; and how many of them are restored."""


async def order_faults(database: asyncpg.Connection) -> list[str]:
    """Return what is wrong with the orders there; empty where each check holds."""
    found = {what: await database.fetchval(query) for what, query in CHECKS.items()}
    return [f"{count} {what}" for what, count in found.items() if count]


async def missing_rows(
    restored: asyncpg.Connection, live: asyncpg.Connection, restored_to: datetime
) -> list[str]:
    """Return what the live database had before that instant, and the restored one has not."""
    faults = []
    for table, (newest, there) in COMPARED.items():
        keys = [row[0] for row in await live.fetch(newest, restored_to - SURE_AFTER)]
        missing = len(keys) - await restored.fetchval(there, keys)
        if missing:
            faults.append(f"{missing} rows of {table} from before that time are missing")
    return faults
