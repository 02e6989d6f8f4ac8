"""The audit log as use cases write it: they say what was done and why, the entry point says from where."""

from collections.abc import Callable
from contextvars import ContextVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres import audit as log
from adapters.postgres.engine import Store
from domain.audit import Action, AuditLine
from domain.errors import StoreUnavailable

ReadOrigin = Callable[[], tuple[str, str]]
"""Returns the caller's address and what its client calls itself."""
_log = structlog.get_logger(__name__)
_ORIGIN: ContextVar[ReadOrigin | None] = ContextVar("origin", default=None)


def remember_origin(read: ReadOrigin) -> None:
    """Use `read` for the audit lines of this task; it is called when a line is written."""
    _ORIGIN.set(read)


async def audit(
    session: AsyncSession, user_id: UUID | None, action: Action, what: str = "", why: str = ""
) -> None:
    """Record an act of a user in the transaction of what it changes, as its last statement.

    `what` names what it was done to, `why` is a few words. Nothing secret belongs in either. Without a
    `user_id` (an unknown e-mail) the line goes to the system's chain.
    """
    read = _ORIGIN.get()
    ip, agent = read() if read else ("", "")
    await log.audit(session, AuditLine(user_id, action, object=what, reason=why, ip=ip, agent=agent))


async def recorded(store: Store, user_id: UUID | None, action: Action, what: str = "", why: str = "") -> None:
    """Record an act that changes nothing in Postgres. Raises `StoreUnavailable`."""
    async with store.work(user_id) as session:
        await audit(session, user_id, action, what, why)


async def recorded_if_possible(
    store: Store, user_id: UUID, action: Action, what: str = "", why: str = ""
) -> None:
    """Record an act that must go on in any case: a line that cannot be written goes to the process's log."""
    try:
        await recorded(store, user_id, action, what, why)
    except StoreUnavailable as away:
        _log.error("audit line not written", action=action.value, object=what, reason=why, error=str(away))
