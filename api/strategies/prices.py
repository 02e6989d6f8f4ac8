"""Last prices for answers; unknown where Redis does not answer, as before the first tick."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from adapters.postgres.strategies import StrategyRecord
from api.http.ports import LastPrices
from domain.errors import CacheUnavailable
from domain.strategy import Status


async def known_prices(prices: LastPrices, records: Sequence[StrategyRecord]) -> dict[UUID, Decimal]:
    """Return the last prices of the running strategies among these, by strategy."""
    ids = [record.strategy.strategy_id for record in records if record.status is Status.RUNNING]
    if not ids:
        return {}
    try:
        return dict(await prices.last_prices(ids))
    except CacheUnavailable:
        return {}


async def market_price(prices: LastPrices, record: StrategyRecord) -> Decimal | None:
    """Return the last price of the symbol, from whichever strategy watches it."""
    try:
        return await prices.of_symbol(record.strategy.exchange, record.strategy.symbol)
    except CacheUnavailable:
        return None
