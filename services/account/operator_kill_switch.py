"""The operator's kill switch: bars entries in Postgres, tells the runs to sell, and reports what came of it.

The switch bars entries from the moment its row is written, whatever else is away. Each run has to hear of a
sale. The runs are told at once, and no sale is claimed that was not seen; the reconciler tells the others
again, while it goes round.
"""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.audit import audit
from adapters.postgres.engine import Store
from adapters.postgres.limits import (
    UserLimits,
    set_operator_switch,
    set_system_switch,
    to_sell,
    user_named,
)
from adapters.postgres.operator import operator_name
from adapters.postgres.order_resolution import NotResolved
from adapters.postgres.series import UserSeries
from adapters.postgres.tables import StrategyRow
from adapters.postgres.watchers import Watchers
from domain.audit import Action, AuditLine, Role
from domain.errors import StoreUnavailable, Unavailable
from domain.limits import KillExits, ToSell
from domain.reconciler import STILL_AFTER
from domain.series import SeriesEnd
from domain.strategy import Position, Status
from services.ports import SellOrders

WAITS = 10.0
"""Seconds in which sales are watched; a market order is filled in less than one."""
LOOK_EVERY = 0.25
TOGETHER = 100
NAMED = 20
"""So many strategies are named, the rest is counted."""


@dataclass(frozen=True, slots=True)
class SwitchOptions:
    """What the operator asks for; `exits` is None for off, `user` for all users."""

    exits: KillExits | None
    reason: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class SwitchReport:
    """What was done, in words; `done` is False while something that was asked for is left to others."""

    words: str
    done: bool = True


@dataclass(frozen=True, slots=True)
class _Left:
    """How a strategy stands that was running when the switch was turned."""

    strategy_id: UUID
    running: bool
    holds: bool


async def turn(store: Store, runs: SellOrders, options: SwitchOptions, waits: float = WAITS) -> SwitchReport:
    """Turn the switch; with exits, tell each run to sell and watch what becomes of it for `waits` seconds.

    Raises `NotResolved` for a user that is not there, `StoreUnavailable` where nothing was turned.
    """
    async with store.work() as session:
        user_id = await _turned(session, options)
    whose = options.user or "everybody"
    if options.exits is None:
        return SwitchReport(
            f"Buying is allowed again for {whose}. Strategies that were stopped stay stopped."
        )
    barred = f"Nothing is bought for {whose} from now on."
    if options.exits is KillExits.KEEP:
        return SwitchReport(
            f"{barred} What is held is still watched, and sold by its strategy's own stop and times."
        )
    try:
        sold = await _sell(store, runs, user_id, waits)
    except StoreUnavailable:
        return SwitchReport(
            f"{barred} Postgres does not answer any more, so what became of the sales is not known: look at "
            "`stopwatch positions` and at the broker.",
            done=False,
        )
    return SwitchReport(f"{barred} {sold.words}", sold.done)


async def _turned(session: AsyncSession, options: SwitchOptions) -> UUID | None:
    reason = f"{options.reason} ({operator_name()})" if options.exits else ""
    user_id = None
    if options.user is None:
        await set_system_switch(session, options.exits, reason)
    else:
        user_id = await user_named(session, options.user)
        if user_id is None:
            raise NotResolved(f"No user has the e-mail or id {options.user}.")
        await set_operator_switch(session, user_id, options.exits, reason)
        if options.exits is not None:
            await UserSeries(session, user_id).end_all(SeriesEnd.KILL_SWITCH)
    action = Action.KILL_SWITCH_ON if options.exits else Action.KILL_SWITCH_OFF
    what = f"exits: {options.exits}" if options.exits else ""
    await audit(session, AuditLine(user_id, action, Role.OPERATOR, operator_name(), what, options.reason))
    return user_id


async def _sell(store: Store, runs: SellOrders, user_id: UUID | None, waits: float) -> SwitchReport:
    async with store.read() as session:
        running = await (to_sell(session) if user_id is None else UserLimits(session, user_id).running())
    if not running:
        return SwitchReport("No strategy is running, so there is nothing to sell that a strategy watches.")
    heard = await _tell(runs, running)
    found = await _watched(store, [one.strategy_id for one in running], heard, waits)
    deaf = [one for one in found if one.running and one.strategy_id not in heard]
    words = [_counted(found, heard)]
    if rid := [one for one in deaf if not one.holds]:
        words.append(_sold_without_words(rid))
    if deaf := [one for one in deaf if one.holds]:
        words.append(await _untold_words(store, deaf))
    return SwitchReport(" ".join(words), done=not deaf)


async def _tell(runs: SellOrders, running: Sequence[ToSell]) -> set[UUID]:
    """Return the strategies whose runs have taken it."""
    at_once = asyncio.Semaphore(TOGETHER)

    async def told(one: ToSell) -> bool:
        async with at_once:
            with suppress(Unavailable):
                return await runs.sell(one.workflow_id, one.run_id, by_operator=True)
        return False

    answers = await asyncio.gather(*map(told, running))
    return {one.strategy_id for one, took in zip(running, answers, strict=True) if took}


async def _watched(store: Store, ids: Sequence[UUID], heard: Collection[UUID], waits: float) -> list[_Left]:
    """Look until all that were told have stopped and none holds shares, or the time is over.

    What a run does not hear, workers sell (`domain.overdue`).
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + waits
    while True:
        found = await _left(store, ids)
        selling = [one for one in found if one.running and (one.holds or one.strategy_id in heard)]
        if not selling or loop.time() >= until:
            return found
        await asyncio.sleep(LOOK_EVERY)


async def _left(store: Store, ids: Sequence[UUID]) -> list[_Left]:
    query = select(StrategyRow.strategy_id, StrategyRow.status, StrategyRow.position)
    async with store.read() as session:
        rows = (await session.execute(query.where(StrategyRow.strategy_id.in_(ids)))).all()
    return [
        _Left(row.strategy_id, row.status == Status.RUNNING, row.position == Position.BOUGHT) for row in rows
    ]


def _counted(found: Sequence[_Left], heard: Collection[UUID]) -> str:
    ended = [one for one in found if not one.running]
    left = sum(one.holds for one in ended)
    selling = sum(one.running and one.strategy_id in heard for one in found)
    words = [f"{len(ended) - left} of {len(found)} running strategies have stopped and hold nothing"]
    if left:
        words.append(f"{left} stopped with shares left (see `stopwatch positions`)")
    if selling:
        words.append(f"{selling} were told and are still selling (see their timelines)")
    return f"{'; '.join(words)}."


def _sold_without_words(rid: Sequence[_Left]) -> str:
    """Name those whose runs do not hear and that hold nothing: never bought, or sold by the workers."""
    return (
        f"{len(rid)} did not hear and hold nothing: what they held was sold without their runs, which end "
        f"when they go on ({_names(rid)})."
    )


def _names(some: Sequence[_Left]) -> str:
    names = ", ".join(str(one.strategy_id) for one in some[:NAMED])
    return f"{names} and {len(some) - NAMED} more" if len(some) > NAMED else names


async def _untold_words(store: Store, deaf: Sequence[_Left]) -> str:
    """Name those that could not be told; the reconciler tells them, where it goes round."""
    untold = (
        f"{len(deaf)} could NOT be told, and may hold shares: Temporal or the workers of their version do "
        f"not answer, or their run is gone ({_names(deaf)})."
    )
    age = await Watchers(store).round_age()
    if age is not None and age <= STILL_AFTER:
        return (
            f"{untold} The reconciler, which last went round {age.total_seconds():.0f} s ago, tells them "
            "again every few seconds while the switch is on; run this command again to see what became of "
            "them."
        )
    seconds = "" if age is None else f"{age.total_seconds():.0f}"
    since = f"last went round {seconds} s ago" if seconds else "has never gone round"
    return (
        f"{untold} Nothing else tells them now: the reconciler {since}. See to the workers and to Temporal "
        "(docs/operations.md, ReconcilerStill), or sell at the broker."
    )
