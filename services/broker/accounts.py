"""Read a user's connected broker account."""

from uuid import UUID

from adapters.postgres.accounts import BrokerAccount, BrokerAccounts
from adapters.postgres.engine import Store


async def account_of(store: Store, user_id: UUID) -> BrokerAccount | None:
    """Return the connected account, without its secrets; None where none is."""
    async with store.read(user_id) as session:
        return await BrokerAccounts(session, user_id).get()
