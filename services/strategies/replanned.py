"""Waits a moment for the run of a waiting day to be planned anew: the answer then shows the new plan."""

from collections.abc import Callable
from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.strategies import StrategyRecord
from adapters.postgres.strategy_view_row import StrategyViewRow
from domain.ports import Clock
from domain.session import exchange_time
from domain.strategy import Phase, Status
from services.strategies.lookup import find_strategy

WITHIN, LOOK_EVERY = 2.0, 0.1
"""Seconds. A run is planned anew in a few hundred milliseconds; what takes longer is shown as it stands."""


async def until_planned(
    store: Store, clock: Clock, user_id: UUID, strategy_id: UUID, is_old: Callable[[StrategyRecord], bool]
) -> StrategyViewRow:
    """Return the strategy once its plan is no longer old, or as it stands after a moment."""
    deadline = clock.monotonic() + WITHIN
    while True:
        stands = await find_strategy(store, user_id, strategy_id)
        record = stands.record
        waits = record.status is Status.RUNNING and record.phase is Phase.WAITING
        if not waits or not is_old(record) or clock.monotonic() >= deadline:
            return stands
        await clock.sleep(LOOK_EVERY)


def has_old_times(record: StrategyRecord) -> bool:
    """Tell whether the day that waits is planned by another buy_time than the strategy's."""
    return record.buy_at is not None and exchange_time(record.buy_at).time() != record.strategy.buy_time
