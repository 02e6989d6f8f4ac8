"""Reads what a user's other strategies hold of the same shares; concurrent callers share a query."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, bindparam, text

from adapters.postgres.engine import Store
from adapters.postgres.tables import IN_FLIGHT
from adapters.postgres.write_batcher import Batcher
from domain.order import LegKey
from domain.sellable import OtherClaims

# Who bought first has the first claim, unless its entry was found late. Kept shares are the user's own.
_CLAIMS_SQL = """
SELECT mine.strategy_id, mine.baseline, mine.baseline_holdings, mine.missing_quantity, mine.bought_at,
    coalesce(sum(other.bought_quantity - other.sold_quantity) FILTER (
        WHERE (coalesce(other.claims_from, other.bought_at), other.strategy_id)
            < (coalesce(mine.claims_from, mine.bought_at), mine.strategy_id)), 0) AS older,
    coalesce(sum(other.bought_quantity - other.sold_quantity) FILTER (
        WHERE mine.missing_quantity > 0 AND other.bought_at > mine.missing_since), 0) AS later,
    EXISTS (
        SELECT FROM orders AS sent
        WHERE sent.user_id = mine.user_id AND sent.strategy_id <> mine.strategy_id
            AND (sent.exchange, sent.symbol, sent.product) = (mine.exchange, mine.symbol, mine.product)
            AND sent.sent_at > now() - interval '1 day' AND {in_flight}
    ) AS in_flight
FROM strategies AS mine LEFT JOIN strategies AS other
    ON other.user_id = mine.user_id AND other.strategy_id <> mine.strategy_id
    AND (other.exchange, other.symbol, other.product) = (mine.exchange, mine.symbol, mine.product)
    AND other.position = 'bought' AND NOT other.kept
WHERE mine.strategy_id = ANY(:ids)
GROUP BY mine.strategy_id
"""
_CLAIMS = text(_CLAIMS_SQL.format(in_flight=IN_FLIGHT)).bindparams(bindparam("ids", type_=ARRAY(Uuid)))


class OtherClaimsReader:
    """The claims beside one strategy's own, by its id."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._together: Batcher[UUID, OtherClaims] = Batcher(self._read)

    async def read(self, key: LegKey) -> OtherClaims:
        """Return what other strategies of the user hold and have ordered. Raises `StoreUnavailable`."""
        return await self._together.add(key.strategy_id)

    async def _read(self, strategy_ids: Sequence[UUID], wait: bool) -> list[OtherClaims]:
        async with self._store.statement() as connection:
            rows = (await connection.execute(_CLAIMS, {"ids": list(set(strategy_ids))})).all()
        found = {row.strategy_id: _claims(row) for row in rows}
        return [found.get(strategy_id, OtherClaims()) for strategy_id in strategy_ids]


def _claims(row: Row[Any]) -> OtherClaims:
    return OtherClaims(
        int(row.older),
        row.in_flight,
        row.baseline,
        row.baseline_holdings,
        row.missing_quantity,
        int(row.later),
        row.bought_at,
    )
