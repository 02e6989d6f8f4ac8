"""Keeps the listeners' leases in Postgres, by its clock.

Bounds, held by the function `listener_beat` that the listener's role may call:

a lease lasts          as long as was asked for, and a minute at most
leases at one time     64 at most; a newcomer beyond them is refused
a lease that is over   is deleted by the next beat of any listener

A listener that is refused, or has no answer within a second, knows nothing of the others.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from adapters.postgres.engine import Store
from domain.errors import StoreUnavailable
from domain.ports import ListenerState

ANSWER_SECONDS = 1.0
_BEAT = text("SELECT member, state FROM listener_beat(:who, :standing, :lasts)")
_LEAVES = text("SELECT listener_leaves(:who)")


class PostgresMembers:
    """Implements `domain.ports.Membership`. The store is its own: a beat waits for no other statement."""

    def __init__(self, store: Store, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._store = store
        self._answer_seconds = answer_seconds
        self._abandoned: set[asyncio.Future[Any]] = set()

    async def renew(self, member: str, state: ListenerState, seconds: float) -> Mapping[str, ListenerState]:
        """Hold a lease for `seconds` and return all current holders. Raises `StoreUnavailable`."""
        words = {"who": member, "standing": state.value, "lasts": seconds}
        rows = await self._answered(_BEAT, words)
        return {one: ListenerState(found) for one, found in rows}

    async def leave(self, member: str) -> None:
        """End a lease. Raises `StoreUnavailable`."""
        await self._answered(_LEAVES, {"who": member})

    async def _answered(self, statement: Any, words: dict[str, Any]) -> Any:
        asking = asyncio.ensure_future(self._ask(statement, words))
        try:
            await asyncio.wait({asking}, timeout=self._answer_seconds)
        finally:
            self._let_go(asking)
        if not asking.done():
            raise StoreUnavailable("Postgres did not answer about the listeners in time")
        return asking.result()

    async def _ask(self, statement: Any, words: dict[str, Any]) -> Any:
        try:
            async with self._store.statement() as connection:
                return (await connection.execute(statement, words)).all()
        except (
            SQLAlchemyError
        ) as refusal:  # an older schema, a right that is missing: nothing is known either
            raise StoreUnavailable(f"Postgres refused ({type(refusal).__name__})") from refusal

    def _let_go(self, asking: "asyncio.Future[Any]") -> None:
        # Not waited for: a driver takes seconds to give up a connection whose other end stands still.
        if not asking.done():
            self._abandoned.add(asking)
            asking.add_done_callback(self._forget)
            asking.cancel()

    def _forget(self, asking: "asyncio.Future[Any]") -> None:
        self._abandoned.discard(asking)
        if not asking.cancelled():
            asking.exception()  # retrieved, so that asyncio logs no warning
