"""The audit log as routes write it: who is calling from where is known here, so they say what and why."""

from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import Headers
from starlette.types import Scope

from adapters.store import audit as log
from api.parts import Parts
from domain.audit import Action, AuditLine
from domain.errors import StoreUnavailable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from."""

    ip: str = ""
    agent: str = ""


_ORIGIN: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039 - frozen


def remember_origin(scope: Scope) -> None:
    """Keep where this request came from, for what it will write to the audit log."""
    client = scope.get("client")
    _ORIGIN.set(Origin(client[0] if client else "", Headers(scope=scope).get("user-agent", "")))


async def audit(
    session: AsyncSession, user_id: UUID | None, action: Action, what: str = "", why: str = ""
) -> None:
    """Record an act of a user in the transaction of what it changes, as its last statement.

    `what` names what it was done to, `why` is a few words. Nothing secret belongs in either. Without a
    `user_id` (an e-mail that nobody has) it goes to the system's chain.
    """
    origin = _ORIGIN.get()
    line = AuditLine(user_id, action, object=what, reason=why, ip=origin.ip, agent=origin.agent)
    await log.audit(session, line)


async def recorded(parts: Parts, user_id: UUID | None, action: Action, what: str = "", why: str = "") -> None:
    """Record an act whose change is not a transaction of ours. Raises `StoreUnavailable`."""
    async with parts.store.work() as session:
        await audit(session, user_id, action, what, why)


async def recorded_if_possible(
    parts: Parts, user_id: UUID, action: Action, what: str = "", why: str = ""
) -> None:
    """Record an act that must go on in any case: what could not be written is in the process's own log."""
    try:
        await recorded(parts, user_id, action, what, why)
    except StoreUnavailable as away:
        _log.error("audit line not written", action=action.value, object=what, reason=why, error=str(away))
