"""`stopwatch kill-switch`: stops buying in Postgres, tells the runs to sell, and says what became of it.

The switch bars entries from the moment its row is written, whatever else is away. Sales are another thing:
each run has to hear of it. The command tells them itself, at once, and claims no sale that it has not seen;
what it could not tell is left to the reconciler, if that goes round.

Addresses come from the environment, as `stopwatch` finds them out.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
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
from adapters.postgres.operator import ADDRESS, operator_name, reason_words
from adapters.postgres.order_resolution import NotResolved
from adapters.postgres.tables import StrategyRow
from adapters.postgres.watchers import Watchers
from adapters.temporal.connection import TemporalAddress, connect
from domain.audit import Action, AuditLine, Role
from domain.errors import StoreUnavailable, Unavailable
from domain.limits import KillExits, ToSell
from domain.reconciler import STILL_AFTER
from domain.strategy import Position, Status
from workflows.client import TemporalOpenRuns

WAITS = 10.0
"""Seconds in which sales are watched; a market order is filled in less than one."""
LOOK_EVERY = 0.25
TOGETHER = 100
NAMED = 20
"""So many strategies are named, the rest is counted."""


class Runs(Protocol):
    """Tells a run to stop and sell: whether one was open. Raises `Unavailable`: it did not hear."""

    async def sell(self, workflow_id: str, run_id: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for; `exits` is None for off, `user` for everybody."""

    exits: KillExits | None
    reason: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was done, in words; `done` is False while something that was asked for is left to others."""

    words: str
    done: bool = True


@dataclass(frozen=True, slots=True)
class _Left:
    """What a strategy came to that was running when the switch was turned."""

    strategy_id: UUID
    running: bool
    holds: bool


async def turn(store: Store, runs: Runs, wish: Wish, waits: float = WAITS) -> Answer:
    """Turn the switch; with exits, tell each run to sell and watch what becomes of it for `waits` seconds.

    Raises `NotResolved` for a user that is not there, `StoreUnavailable` where nothing was turned.
    """
    async with store.work() as session:
        user_id = await _turned(session, wish)
    whose = wish.user or "everybody"
    if wish.exits is None:
        return Answer(f"Buying is allowed again for {whose}. Strategies that were stopped stay stopped.")
    barred = f"Nothing is bought for {whose} from now on."
    if wish.exits is KillExits.KEEP:
        return Answer(
            f"{barred} What is held is still watched, and sold by its strategy's own stop and times."
        )
    try:
        sold = await _sell(store, runs, user_id, waits)
    except StoreUnavailable:
        return Answer(
            f"{barred} Postgres does not answer any more, so what became of the sales is not known: look at "
            "`stopwatch positions` and at the broker.",
            done=False,
        )
    return Answer(f"{barred} {sold.words}", sold.done)


async def _turned(session: AsyncSession, wish: Wish) -> UUID | None:
    reason = f"{wish.reason} ({operator_name()})" if wish.exits else ""
    user_id = None
    if wish.user is None:
        await set_system_switch(session, wish.exits, reason)
    else:
        user_id = await user_named(session, wish.user)
        if user_id is None:
            raise NotResolved(f"No user has the e-mail or id {wish.user}.")
        await set_operator_switch(session, user_id, wish.exits, reason)
    action = Action.KILL_SWITCH_ON if wish.exits else Action.KILL_SWITCH_OFF
    what = f"exits: {wish.exits}" if wish.exits else ""
    await audit(session, AuditLine(user_id, action, Role.OPERATOR, operator_name(), what, wish.reason))
    return user_id


async def _sell(store: Store, runs: Runs, user_id: UUID | None, waits: float) -> Answer:
    async with store.read() as session:
        running = await (to_sell(session) if user_id is None else UserLimits(session, user_id).running())
    if not running:
        return Answer("No strategy is running, so there is nothing to sell that a strategy watches.")
    heard = await _tell(runs, running)
    found = await _watched(store, [one.strategy_id for one in running], heard, waits)
    deaf = [one for one in found if one.running and one.strategy_id not in heard]
    words = [_counted(found, heard)]
    if deaf:
        words.append(await _who_tells_them(store, deaf))
    return Answer(" ".join(words), done=not deaf)


async def _tell(runs: Runs, running: Sequence[ToSell]) -> set[UUID]:
    """Return the strategies whose runs have taken it."""
    at_once = asyncio.Semaphore(TOGETHER)

    async def told(one: ToSell) -> bool:
        async with at_once:
            with suppress(Unavailable):
                return await runs.sell(one.workflow_id, one.run_id)
        return False

    answers = await asyncio.gather(*map(told, running))
    return {one.strategy_id for one, took in zip(running, answers, strict=True) if took}


async def _watched(store: Store, ids: Sequence[UUID], heard: Collection[UUID], waits: float) -> list[_Left]:
    """Look until each that was told has stopped, or the time is over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + waits
    while True:
        found = await _left(store, ids)
        selling = [one for one in found if one.running and one.strategy_id in heard]
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
    parts = [f"{len(ended) - left} of {len(found)} running strategies have stopped and hold nothing"]
    if left:
        parts.append(f"{left} stopped with shares left (see `stopwatch positions`)")
    if selling:
        parts.append(f"{selling} were told and are still selling (see their timelines)")
    return f"{'; '.join(parts)}."


async def _who_tells_them(store: Store, deaf: Sequence[_Left]) -> str:
    """Say which could not be told, and who tells them: the reconciler, where it goes round."""
    names = ", ".join(str(one.strategy_id) for one in deaf[:NAMED])
    more = f" and {len(deaf) - NAMED} more" if len(deaf) > NAMED else ""
    untold = (
        f"{len(deaf)} could NOT be told, and may hold shares: Temporal or the workers of their version do "
        f"not answer, or their run is gone ({names}{more})."
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


class _Temporal:
    """Connects when the first run is told: without Temporal the switch is turned all the same."""

    def __init__(self, address: TemporalAddress | None) -> None:
        self._address = address
        self._runs: asyncio.Task[TemporalOpenRuns] | None = None

    async def sell(self, workflow_id: str, run_id: str) -> bool:
        if self._address is None:
            raise Unavailable("STOPWATCH_TEMPORAL_ADDRESS is not set")
        if self._runs is None:
            self._runs = asyncio.ensure_future(_open(self._address))
        return await (await self._runs).sell(workflow_id, run_id)


async def _open(address: TemporalAddress) -> TemporalOpenRuns:
    return TemporalOpenRuns(await connect(address, lazy=True), task_queue="")


def _temporal() -> TemporalAddress | None:
    target = os.environ.get("STOPWATCH_TEMPORAL_ADDRESS")
    if not target:
        return None
    files = (os.environ.get(f"STOPWATCH_TEMPORAL_TLS_{name}") for name in ("CERT", "KEY", "CA"))
    cert, key, authority = (Path(file) if file else None for file in files)
    return TemporalAddress(
        target,
        os.environ.get("STOPWATCH_TEMPORAL_NAMESPACE") or "default",
        cert,
        key,
        os.environ.get("STOPWATCH_TEMPORAL_API_KEY") or None,
        authority,
        os.environ.get("STOPWATCH_PAYLOAD_KEYS") or None,
    )


async def _carry_out(wish: Wish, address: str) -> int:
    store = Store.open(address, pool_size=1, application="stopwatch operator")
    try:
        answer = await turn(store, _Temporal(_temporal()), wish)
    finally:
        await store.close()
    sys.stdout.write(f"{answer.words}\n")
    return 0 if answer.done else 1


def main(words: Sequence[str]) -> int:
    """Turn the switch; return the exit status: 1 when it was not turned, or a run could not be told."""
    asked = _parser().parse_args(words)
    address = os.environ.get(ADDRESS)
    if not address:
        sys.stderr.write(f"{ADDRESS} is not set: there is no database to ask.\n")
        return 2
    wish = Wish(KillExits(asked.exits) if asked.state == "on" else None, asked.reason, asked.user)
    try:
        return asyncio.run(_carry_out(wish, address))
    except NotResolved as refused:
        sys.stderr.write(f"{refused}\n")
    except StoreUnavailable as away:
        sys.stderr.write(f"Nothing was turned. {away}: check that it runs, and {ADDRESS}.\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    switch = argparse.ArgumentParser(prog="stopwatch kill-switch", description="Stop all buying.")
    switch.add_argument("state", choices=("on", "off"))
    switch.add_argument("--user", help="e-mail or id; without it: everybody")
    switch.add_argument("--exits", choices=[one.value for one in KillExits], default=KillExits.KEEP.value)
    switch.add_argument("--reason", type=reason_words, required=True, help="why, for those who ask")
    return switch


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that used Temporal's SDK may die while the interpreter shuts down, after all is done.
    os._exit(status)
