"""The answer that shows a strategy, with what is known of its price and its last day."""

from collections.abc import Sequence

from adapters.postgres.strategy_view_row import StrategyViewRow
from api.dependencies import Dependencies
from api.strategies.prices import known_prices, market_price
from api.strategies.schemas import StrategyOut
from api.strategies.view import shown
from domain.books import Booked
from services.account.books import last_days


async def strategy_out(
    deps: Dependencies,
    stands: StrategyViewRow,
    *,
    look_at_market: bool = False,
    told: Sequence[str] = (),
) -> StrategyOut:
    """Return the answer. `look_at_market`: where the run has no price, that of another run of the symbol.

    `told` are warnings of this answer alone.
    """
    record = stands.record
    last = (await known_prices(deps.prices, [record])).get(record.strategy.strategy_id)
    market = await market_price(deps.prices, record) if look_at_market and last is None else None
    return shown(
        record,
        stands.account,
        deps.clock.now(),
        last,
        market,
        told,
        last_day=await _last_day(deps, stands),
        calendar=deps.calendar,
        live=deps.egress.live,
    )


async def _last_day(deps: Dependencies, stands: StrategyViewRow) -> Booked | None:
    if not stands.has_days:
        return None
    strategy = stands.record.strategy
    async with deps.store.read(strategy.user_id) as session:
        found = await last_days(session, strategy.user_id, [strategy.strategy_id])
    return found.get(strategy.strategy_id)
