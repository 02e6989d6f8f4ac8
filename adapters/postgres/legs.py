"""Reads legs; a thousand runs that ask in one second share a few dozen queries."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select, tuple_

from adapters.postgres.engine import Store
from adapters.postgres.order_rows import attempt_of
from adapters.postgres.tables import OrderRow
from adapters.postgres.write_batcher import Batcher
from domain.order import Attempt, LegKey


class Legs:
    """The attempts of legs, each key with its user bound."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._together: Batcher[LegKey, list[Attempt]] = Batcher(self._read)

    async def read(self, key: LegKey) -> list[Attempt]:
        """Return the leg's attempts, oldest first."""
        return await self._together.add(key)

    async def _read(self, keys: Sequence[LegKey], wait: bool) -> list[list[Attempt]]:
        columns = (OrderRow.strategy_id, OrderRow.user_id, OrderRow.trading_day, OrderRow.round, OrderRow.leg)
        wanted = {(key.strategy_id, key.user_id, key.trading_day, key.round, key.leg.value) for key in keys}
        query = select(OrderRow).where(tuple_(*columns).in_(wanted)).order_by(OrderRow.attempt)
        legs: defaultdict[LegKey, list[Attempt]] = defaultdict(list)
        async with self._store.read() as session:
            for row in await session.scalars(query):
                attempt = attempt_of(row)
                legs[attempt.key].append(attempt)
        return [list(legs[key]) for key in keys]
