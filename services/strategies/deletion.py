"""Delete a strategy that is not running, with its orders and timeline."""

from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.strategies import Deletion, Strategies
from domain.audit import Action
from services.audit_trail import audit
from services.errors import Conflict, NotFound
from services.strategies.start_window import START_LASTS


async def delete_strategy(store: Store, user_id: UUID, strategy_id: UUID) -> None:
    """Delete a strategy. Raises `NotFound`, and `Conflict` while it runs, starts, holds or is in doubt."""
    async with store.work(user_id) as session:
        deletion = await Strategies(session, user_id).delete(strategy_id, START_LASTS)
        if deletion is Deletion.DONE:
            await audit(session, user_id, Action.STRATEGY_DELETE, str(strategy_id))
    if deletion is Deletion.UNKNOWN:
        raise NotFound
    if deletion is not Deletion.DONE:
        raise Conflict(*_UNDELETABLE[deletion])


_UNDELETABLE = {
    Deletion.RUNNING: ("strategy_running", "This strategy is running: stop it first."),
    Deletion.STARTING: (
        "strategy_running",
        "This strategy is being started: stop it first, or try again in a few seconds.",
    ),
    Deletion.POSITION_OPEN: (
        "position_open",
        'Shares of an exit that failed are still held: POST /strategy/stop with on_stop "exit" sells them.',
    ),
    Deletion.IN_DOUBT: (
        "order_in_doubt",
        "The broker has not answered for an order of this trading day; if it turns up, this strategy is how "
        "we know whose it is. Delete it after the market has closed.",
    ),
}
