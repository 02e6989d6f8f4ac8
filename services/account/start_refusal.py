"""Refuse a START that a kill switch would bar from buying."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.limits import UserLimits
from domain.limits import Switch
from services.errors import Conflict


async def refuse_start(session: AsyncSession, user_id: UUID) -> None:
    """Raise `Conflict` where a kill switch would bar what this START is for."""
    switches = await UserLimits(session, user_id).switches()
    if switches.operators.on:
        because = _because(switches.operators)
        raise Conflict("suspended", f"The operator has stopped buying for your account{because}.")
    if switches.own.on:
        raise Conflict("kill_switch", "Your kill switch is on: turn it off first, then start.")
    if switches.everybody.on:
        because = _because(switches.everybody)
        raise Conflict("system_halted", f"The operator has stopped buying for all users{because}.")


def _because(switch: Switch) -> str:
    return f": {switch.reason}" if switch.reason else ""
