"""The audit log as routes write it: who is calling from where is known here, so they say what and why."""

from contextvars import ContextVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import Headers
from starlette.types import Scope

from adapters.postgres import audit as log
from api.dependencies import Dependencies
from domain.audit import Action, AuditLine
from domain.errors import StoreUnavailable

_log = structlog.get_logger(__name__)


_REQUEST: ContextVar[Scope | None] = ContextVar("request", default=None)


def remember_origin(scope: Scope) -> None:
    """Keep which request this is, for what it will write to the audit log.

    The request itself: the layers inside may yet learn the client's address from a trusted proxy.
    """
    _REQUEST.set(scope)


async def audit(
    session: AsyncSession, user_id: UUID | None, action: Action, what: str = "", why: str = ""
) -> None:
    """Record an act of a user in the transaction of what it changes, as its last statement.

    `what` names what it was done to, `why` is a few words. Nothing secret belongs in either. Without a
    `user_id` (an e-mail that nobody has) it goes to the system's chain.
    """
    ip, agent = _origin()
    await log.audit(session, AuditLine(user_id, action, object=what, reason=why, ip=ip, agent=agent))


async def recorded(
    parts: Dependencies, user_id: UUID | None, action: Action, what: str = "", why: str = ""
) -> None:
    """Record an act whose change is not a transaction of ours. Raises `StoreUnavailable`."""
    async with parts.store.work(user_id) as session:
        await audit(session, user_id, action, what, why)


async def recorded_if_possible(
    parts: Dependencies, user_id: UUID, action: Action, what: str = "", why: str = ""
) -> None:
    """Record an act that must go on in any case: what could not be written is in the process's own log."""
    try:
        await recorded(parts, user_id, action, what, why)
    except StoreUnavailable as away:
        _log.error("audit line not written", action=action.value, object=what, reason=why, error=str(away))


def _origin() -> tuple[str, str]:
    """Return the client's address and what it calls itself."""
    scope = _REQUEST.get()
    if scope is None:
        return "", ""
    client = scope.get("client")
    return client[0] if client else "", Headers(scope=scope).get("user-agent", "")
