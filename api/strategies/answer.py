"""The answers that show strategies, with what is known of their prices and their last days."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from adapters.postgres.strategy_view_row import StrategyViewRow
from api.dependencies import Dependencies
from api.strategies.prices import known_prices, market_price
from api.strategies.schemas import StartedOut, StrategyOut
from api.strategies.view import shown
from domain.books import Booked
from domain.start_warnings import while_away
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
        last_day=(await _last_days(deps, [stands])).get(record.strategy.strategy_id),
        calendar=deps.calendar,
        live=deps.egress.live,
    )


async def started_out(deps: Dependencies, stands: StrategyViewRow, told: Sequence[str]) -> StartedOut:
    """Return the answer to a START; `told` are warnings of this answer alone."""
    strategy = await strategy_out(deps, stands, look_at_market=True, told=told)
    return StartedOut(**dict(strategy), while_away=while_away(stands.record.strategy))


async def strategies_out(deps: Dependencies, page: Sequence[StrategyViewRow]) -> list[StrategyOut]:
    """Return the answers of a page of one user's strategies."""
    records = [stands.record for stands in page]
    prices = await known_prices(deps.prices, records)
    days = await _last_days(deps, page)
    now = deps.clock.now()
    return [
        shown(
            stands.record,
            stands.account,
            now,
            prices.get(stands.record.strategy.strategy_id),
            last_day=days.get(stands.record.strategy.strategy_id),
            calendar=deps.calendar,
            live=deps.egress.live,
        )
        for stands in page
    ]


async def _last_days(deps: Dependencies, page: Sequence[StrategyViewRow]) -> Mapping[UUID, Booked]:
    with_days = [stands.record.strategy for stands in page if stands.has_days]
    if not with_days:
        return {}
    user_id = with_days[0].user_id
    async with deps.store.read(user_id) as session:
        return await last_days(session, user_id, [strategy.strategy_id for strategy in with_days])
