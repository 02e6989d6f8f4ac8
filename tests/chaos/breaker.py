"""Breaks what the plan says when its day begins, and writes down when it was broken and when it was well."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
from redis.asyncio import Redis
from temporalio.client import Client
from temporalio.service import RPCError

from tests.chaos.paper_control import paper
from tests.chaos.plan import Disturbance
from tests.chaos.proxy import Trouble
from tests.chaos.world import World

BACK_WITHIN = 30
FAILPOINT_WAITS = 40
TRIES = 20
"""Runs that are looked for, half a second apart, until one is there to be terminated."""
BACK_AFTER = 5
"""Seconds within which whoever died at a failpoint is back."""


class Breaker:
    """Carries out disturbances; `log` holds what happened, one row each."""

    def __init__(
        self, world: World, plan: Sequence[Disturbance], in_flight: Callable[[], Sequence[str]]
    ) -> None:
        self._world = world
        self._in_flight = in_flight
        self._waiting = list(plan)
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: dict[str, asyncio.Lock] = {}
        self.log: list[dict[str, Any]] = []

    def began(self, day: int) -> None:
        """Set off what is due with this day."""
        while self._waiting and self._waiting[0].after_day <= day:
            task = asyncio.create_task(self._later(self._waiting.pop(0)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until nothing is broken any more."""
        await asyncio.gather(*self._tasks)

    def count(self, *what: str) -> int:
        return sum(1 for row in self.log if row["what"] in what)

    async def _later(self, one: Disturbance) -> None:
        await asyncio.sleep(one.wait)
        # A part is broken in one way at a time; another one waits until this one is well.
        part = one.what if one.what in ("net", "rows") else one.target
        async with self._busy.setdefault(part, asyncio.Lock()):
            began = time.time()
            hit = await self._break(one)
            if hit is not None:
                ended = max(time.time(), began + one.seconds)
                if one.what == "failpoint":
                    began = ended - BACK_AFTER  # armed long before, it struck only then
                self.log.append(
                    {"what": one.what, "target": one.target, "hit": hit, "at": began, "until": ended}
                )

    async def _break(self, one: Disturbance) -> object | None:
        """Break it and return what was hit, once it is well again; None when there was nothing to hit."""
        world = self._world
        number = one.after_day
        if one.what in ("kill", "paper"):
            pid = await world.kill(one.target, number)
            return pid and await self._replaced(one.target, pid)
        if one.what == "freeze":
            return await world.freeze(one.target, number, one.seconds)
        if one.what == "failpoint":
            pid = await world.kill_at(one.target, FAILPOINT_WAITS)
            if pid is not None:
                await asyncio.sleep(BACK_AFTER)
            return pid
        if one.what == "net":
            link = world.proxy.links[one.target]
            await link.suffer(Trouble(one.trouble), one.seconds, one.amount)
            return one.trouble
        if one.what == "feed":
            await paper(world.product, "/_paper/faults", kind=one.target, seconds=one.seconds)
            return one.target
        if one.what == "rows":
            return await self._send_unreadable_rows(one)
        if one.what == "flush":
            async with Redis.from_url(world.product.endpoints["redis"]) as redis:
                await redis.flushall()
            return "flushall"
        if one.what == "terminate":
            return await self._terminate(number)
        raise ValueError(one.what)

    async def _send_unreadable_rows(self, one: Disturbance) -> str:
        """Put a row that no reader can make sense of into one of the broker's lists, for all accounts."""
        row = {"exchange": "NSE", "tradingsymbol": one.trouble or None, "quantity": None, "status": None}
        async with httpx.AsyncClient(base_url=self._world.product.endpoints["paper"]) as client:
            added = await client.post("/_paper/rows", json={"path": one.target, "row": row})
            added.raise_for_status()
            await asyncio.sleep(one.seconds)
            (await client.delete("/_paper/rows")).raise_for_status()
        return one.trouble or "no symbol"

    async def _terminate(self, number: int) -> str | None:
        """End a run from outside, as an operator who should have cancelled it; the first that still runs."""
        for attempt in range(TRIES):
            flying = sorted(self._in_flight())
            if flying:
                strategy_id = flying[(number + attempt) % len(flying)]
                with suppress(RPCError, RuntimeError):
                    if await self._terminated(strategy_id):
                        return strategy_id
            await asyncio.sleep(0.5)
        return None

    async def _terminated(self, strategy_id: str) -> bool:
        client = await Client.connect(self._world.product.endpoints["temporal"])
        runs = client.list_workflows(
            f"ExecutionStatus = 'Running' AND WorkflowType = 'StrategyRun' AND "
            f"WorkflowId STARTS_WITH 'strategy-{strategy_id}'"
        )
        async for run in runs:
            handle = client.get_workflow_handle(run.id)
            await handle.terminate("chaos", rpc_timeout=timedelta(seconds=3))
            return True
        return False

    async def _replaced(self, part: str, pid: int) -> int:
        for _ in range(BACK_WITHIN * 10):
            await asyncio.sleep(0.1)
            if pid not in self._world.pids(part) and self._world.pids(part):
                break
        return pid
