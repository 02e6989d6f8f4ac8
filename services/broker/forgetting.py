"""Forget a broker account and its secrets."""

from uuid import UUID

from adapters.postgres.accounts import BrokerAccounts
from adapters.postgres.engine import Store
from adapters.postgres.starts import Starts
from adapters.postgres.strategies import Strategies
from adapters.secrets.vault import BROKER
from domain.audit import Action
from services.audit_trail import audit
from services.errors import Conflict
from services.strategies.start_window import START_LASTS


async def forget_account(store: Store, user_id: UUID) -> None:
    """Forget the account. Raises `Conflict` while a strategy runs or is being started: its exit needs it."""
    async with store.work(user_id) as session:
        accounts = BrokerAccounts(session, user_id)
        if not await accounts.release():
            return
        # In this order: what begins between the two looks is seen by the second.
        starting = await Starts(session, user_id).any_under_way(START_LASTS)
        running = await Strategies(session, user_id).any_running()
        if not (starting or running):
            await accounts.delete()
            await audit(session, user_id, Action.BROKER_FORGET, BROKER)
    if starting and not running:
        raise Conflict(
            "strategy_running",
            "A strategy is being started and will need this account to sell: try again in a few seconds, or "
            "stop it first.",
        )
    if running:
        raise Conflict(
            "strategy_running", "A strategy is running and needs this account to sell: stop it first."
        )
