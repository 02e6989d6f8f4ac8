"""Delete a strategy that is not running, with its orders and timeline."""

from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.idle_strategies import IdleStrategies, InUse
from domain.audit import Action
from services.audit_trail import audit
from services.errors import NotFound
from services.strategies.in_use import in_use
from services.strategies.start_window import START_LASTS


async def delete_strategy(store: Store, user_id: UUID, strategy_id: UUID) -> None:
    """Delete a strategy. Raises `NotFound`, and `Conflict` while it runs, starts, holds or is in doubt."""
    try:
        async with store.work(user_id) as session:
            if not await IdleStrategies(session, user_id, START_LASTS).delete(strategy_id):
                raise NotFound
            await audit(session, user_id, Action.STRATEGY_DELETE, str(strategy_id))
    except InUse as why:
        raise in_use(why.use) from None
