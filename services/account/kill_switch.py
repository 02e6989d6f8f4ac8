"""A user's own kill switch; every claim of an order reads it, so that it holds from the next order on."""

import asyncio
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.limits import UserLimits
from adapters.postgres.series import UserSeries
from domain.audit import Action
from domain.errors import NoSuchRun, Unavailable
from domain.limits import KillExits, ToSell
from domain.run import StopRequest
from domain.series import SeriesEnd
from domain.strategy import OnStop
from services.audit_trail import audit
from services.ports import Runs

SOLD_WITHIN = 2.0
"""Seconds the answer waits for sales of runs that took the order; they go on by themselves."""
DONE_WITHIN = 5.0
"""Seconds until the answer in any case; what runs do not hear, workers sell sooner (`domain.overdue`)."""
LOOK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class SaleCounts:
    """How many strategies took the order to sell, how many run on and could not be told, how many are sold.

    `sold` counts those of them that held shares and hold none any more, also by a sale without their run.
    """

    selling: int = 0
    untold: int = 0
    sold: int = 0


@dataclass(frozen=True, slots=True)
class UserKillSwitch:
    """Turns a user's own kill switch."""

    store: Store
    runs: Runs

    async def turn(self, user_id: UUID, exits: KillExits | None, reason: str) -> SaleCounts:
        """Turn the kill switch on, or off with None.

        It bars every entry from here on. With `exit` each running strategy is told to sell. The reconciler
        tells those that could not be told, while it goes round and the switch is on.
        """
        running = await self._write(user_id, exits, reason)
        until = asyncio.get_running_loop().time() + DONE_WITHIN
        told = await asyncio.gather(*(self._sell(one) for one in running))
        heard = {one.strategy_id for one, took in zip(running, told, strict=True) if took}
        held = {one.strategy_id for one in running if one.held}
        left = await self._until_sold(user_id, held, until)
        untold = await self._still_running(user_id, {one.strategy_id for one in running} - heard)
        return SaleCounts(len(heard), untold, len(held - left))

    async def _until_sold(self, user_id: UUID, held: Set[UUID], until: float) -> Set[UUID]:
        """Return those that still hold shares at the end."""
        left = held
        while left:
            async with self.store.read(user_id) as session:
                holding = await UserLimits(session, user_id).holding()
            left = holding & held
            if asyncio.get_running_loop().time() >= until:
                break
            await asyncio.sleep(LOOK_EVERY)
        return left

    async def _write(self, user_id: UUID, exits: KillExits | None, reason: str) -> Sequence[ToSell]:
        async with self.store.work(user_id) as session:
            mine = UserLimits(session, user_id)
            await mine.set_switch(exits, reason)
            running = await mine.running() if exits is KillExits.EXIT else ()
            if exits is not None:
                # What waits for its next day is told by the reconciler; it buys nothing from here on.
                await UserSeries(session, user_id).end_all(SeriesEnd.KILL_SWITCH)
            if exits is None:
                await audit(session, user_id, Action.KILL_SWITCH_OFF)
            else:
                await audit(session, user_id, Action.KILL_SWITCH_ON, f"exits: {exits}", reason)
        return running

    async def _sell(self, one: ToSell) -> bool:
        """Tell a run and give its sale a moment; return whether the run has taken it."""
        try:
            took = await self.runs.sell(one.workflow_id, one.run_id)
            if took:
                await self.runs.stop(one.workflow_id, one.run_id, StopRequest(OnStop.EXIT), SOLD_WITHIN)
        except NoSuchRun:
            return True  # it took it, and has ended since
        except Unavailable:
            return False
        return took

    async def _still_running(self, user_id: UUID, ids: Collection[UUID]) -> int:
        if not ids:
            return 0
        async with self.store.read(user_id) as session:
            return sum(one.strategy_id in ids for one in await UserLimits(session, user_id).running())
