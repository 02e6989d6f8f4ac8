"""Kill switch and limits: written where every claim reads them, so that they hold from the next order on."""

import asyncio
from collections.abc import Collection
from uuid import UUID

from adapters.postgres.limits import UserLimits
from api.account.schemas import AccountOut, LimitsOut, SwitchOut
from api.dependencies import Dependencies
from domain.audit import Action
from domain.errors import NoSuchRun, Unavailable
from domain.limits import KillExits, Limits, ToSell
from domain.run import StopRequest
from domain.strategy import OnStop
from services.audit_trail import audit

SOLD_WITHIN = 2.0
"""Seconds the answer waits for sales that the kill switch began; they go on by themselves."""


async def shown(deps: Dependencies, user_id: UUID, selling: int = 0, untold: int = 0) -> AccountOut:
    """Return what protects the user now."""
    async with deps.store.read(user_id) as session:
        mine = UserLimits(session, user_id)
        switches, limits = await mine.switches(), await mine.limits()
    return AccountOut(
        kill_switch=SwitchOut.model_validate(switches.own, from_attributes=True),
        operator=SwitchOut.model_validate(switches.operators, from_attributes=True),
        system=SwitchOut.model_validate(switches.everybody, from_attributes=True),
        limits=LimitsOut(
            order_quantity=limits.order_quantity,
            order_value=limits.order_value,
            daily_loss=limits.daily_loss,
            symbols=list(limits.symbols) if limits.symbols is not None else None,
        ),
        selling=selling,
        untold=untold,
    )


async def limit(deps: Dependencies, user_id: UUID, limits: Limits) -> AccountOut:
    """Replace all limits of the user."""
    async with deps.store.work(user_id) as session:
        await UserLimits(session, user_id).set_limits(limits)
        await audit(session, user_id, Action.LIMITS_CHANGED, why=_words(limits))
    return await shown(deps, user_id)


async def switch(deps: Dependencies, user_id: UUID, exits: KillExits | None, reason: str) -> AccountOut:
    """Turn the kill switch on, or off with None.

    It bars every entry from here on. With `exit` each running strategy is told to sell. The answer counts
    those that took it, and as `untold` those that could not be told and still run: the reconciler tells them,
    while it goes round and the switch is on.
    """
    async with deps.store.work(user_id) as session:
        mine = UserLimits(session, user_id)
        await mine.set_switch(exits, reason)
        running = await mine.running() if exits is KillExits.EXIT else ()
        if exits is None:
            await audit(session, user_id, Action.KILL_SWITCH_OFF)
        else:
            await audit(session, user_id, Action.KILL_SWITCH_ON, f"exits: {exits}", reason)
    told = await asyncio.gather(*(_sell(deps, one) for one in running))
    heard = {one.strategy_id for one, took in zip(running, told, strict=True) if took}
    untold = await _still_running(deps, user_id, {one.strategy_id for one in running} - heard)
    return await shown(deps, user_id, len(heard), untold)


def _words(limits: Limits) -> str:
    """Return the limits for the audit log."""
    named = {
        "order_quantity": limits.order_quantity,
        "order_value": limits.order_value,
        "daily_loss": limits.daily_loss,
        "symbols": ",".join(limits.symbols) if limits.symbols is not None else None,
    }
    return ", ".join(f"{name} {value}" for name, value in named.items() if value is not None) or "none"


async def _sell(deps: Dependencies, one: ToSell) -> bool:
    """Tell a run and give its sale a moment; return whether the run has taken it."""
    try:
        took = await deps.runs.sell(one.workflow_id, one.run_id)
        if took:
            await deps.runs.stop(one.workflow_id, one.run_id, StopRequest(OnStop.EXIT), SOLD_WITHIN)
    except NoSuchRun:
        return True  # it took it, and has ended since
    except Unavailable:
        return False
    return took


async def _still_running(deps: Dependencies, user_id: UUID, ids: Collection[UUID]) -> int:
    if not ids:
        return 0
    async with deps.store.read(user_id) as session:
        return sum(one.strategy_id in ids for one in await UserLimits(session, user_id).running())
