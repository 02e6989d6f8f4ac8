"""Find one strategy of a user."""

from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.strategy_view_row import StrategyViewRow, read_strategy_view
from services.errors import NotFound


async def find_strategy(store: Store, user_id: UUID, strategy_id: UUID) -> StrategyViewRow:
    """Return the strategy as it stands, with its user's account. Raises `NotFound`."""
    found = await read_strategy_view(store, user_id, strategy_id)
    if found is None:
        raise NotFound
    return found
