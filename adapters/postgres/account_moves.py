"""Has a user's accounts read soon, by a function that the listener's role may call."""

from uuid import UUID

from sqlalchemy import text

from adapters.postgres.engine import Store

_MOVED = text("SELECT account_moved(:user_id)")
_OWN_MOVED = text("SELECT orders_moved(:user_id)")


class PostgresAccountMoves:
    """Implements `domain.ports.AccountMoves`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def moved(self, user_id: UUID) -> None:
        """Make the accounts of a user due to be read."""
        async with self._store.statement() as connection:
            await connection.execute(_MOVED, {"user_id": user_id})

    async def own_moved(self, user_id: UUID) -> None:
        """Have the stops looked at that rest in the accounts of a user."""
        async with self._store.statement() as connection:
            await connection.execute(_OWN_MOVED, {"user_id": user_id})
