"""Logins that have ended while their access tokens have not: asked at every call.

One small read per process and half second, whatever the number of calls; a login that this process ended is
known at once. While Postgres does not answer no call is let in: an outage must not bring an ended login back.
"""

import asyncio
from collections.abc import Iterable
from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.logins import ended_within
from services.auth.tokens import ACCESS_LIFETIME

LOOK_SECONDS = 0.5
"""An ended login's access token works in another process for no longer than this, and the read."""
_LATE_COMMIT_SECONDS = 15.0
"""Rows are dated when they are written and seen when they are committed, at most so much later."""
_KEPT_SECONDS = ACCESS_LIFETIME.total_seconds() + 2 * _LATE_COMMIT_SECONDS


class RevokedLogins:
    """The newest ended logins of all users, kept in memory until their last token has expired."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[UUID, float] = {}
        self._looked_at: float | None = None
        self._look: asyncio.Task[None] | None = None

    async def has(self, login_id: UUID) -> bool:
        """Tell whether the login has ended. Raises `StoreUnavailable`."""
        now = asyncio.get_running_loop().time()
        if self._looked_at is None or now - self._looked_at >= LOOK_SECONDS:
            await self._refreshed()
        return login_id in self._seen

    def add(self, login_ids: Iterable[UUID]) -> None:
        """Note what this process has ended itself."""
        now = asyncio.get_running_loop().time()
        self._seen.update(dict.fromkeys(login_ids, now))

    async def _refreshed(self) -> None:
        # Calls that come during a look wait for the same one, and share its failure.
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._read())
        await asyncio.shield(self._look)

    async def _read(self) -> None:
        now = asyncio.get_running_loop().time()
        since = _KEPT_SECONDS if self._looked_at is None else now - self._looked_at + _LATE_COMMIT_SECONDS
        async with self._store.statement() as connection:
            found = await ended_within(connection, min(since, _KEPT_SECONDS))
        self._seen = {one: at for one, at in self._seen.items() if now - at < _KEPT_SECONDS}
        for login_id in found:
            self._seen.setdefault(login_id, now)
        self._looked_at = now
