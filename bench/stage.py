"""The product on a stage: `stopwatch up` on a directory of its own, and what of it a bench may look at."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from bench.processes import parts_of, spent
from tests.e2e.product import Product

QUIET_CPU = 0.25
"""Cores the product may use and still count as quiet: its reconciler and its heartbeats go on."""
QUIET_WITHIN = 25.0


@dataclass(slots=True)
class Stage:
    """One running product. `rows` is Postgres, read as the schema's owner."""

    product: Product
    rows: "asyncpg.Connection[asyncpg.Record]"

    @property
    def endpoints(self) -> dict[str, Any]:
        return self.product.endpoints

    @property
    def workers(self) -> list[int]:
        found = self.endpoints["pids"]["worker"]
        return list(found) if isinstance(found, list) else [found]

    async def count(self, strategy_ids: Sequence[str], **state: str) -> int:
        """Return how many of these strategies are in a state, as Postgres tells it."""
        wanted = " AND ".join(f"{name} = ${number}" for number, name in enumerate(state, 2))
        query = f"SELECT count(*) FROM strategies WHERE strategy_id = ANY($1::uuid[]) AND {wanted}"
        found: int = await self.rows.fetchval(query, list(strategy_ids), *state.values())
        return found

    async def until(self, holds: Callable[[], Awaitable[bool]], within: float) -> bool:
        """Ask once a second until it holds; False when it did not in time."""
        until = time.monotonic() + within
        while not await holds():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(1)
        return True

    async def quiet(self) -> None:
        """Wait until the product does next to nothing, so that what comes next starts from rest."""
        pids = [pid for part in parts_of(self.endpoints).values() for pid in part if pid]
        until = time.monotonic() + QUIET_WITHIN
        before = spent(pids).cpu_seconds
        while time.monotonic() < until:
            await asyncio.sleep(2)
            now = spent(pids).cpu_seconds
            if (now - before) / 2 <= QUIET_CPU:
                return
            before = now

    def kill_a_worker(self) -> int:
        """SIGKILL the first worker; `up` starts another within seconds."""
        victim = self.workers[0]
        os.kill(victim, signal.SIGKILL)
        return victim


@asynccontextmanager
async def stage(home: Path, *arguments: str, **settings: str) -> AsyncIterator[Stage]:
    """Run the product on `home`; a second one on the same directory goes on where the first stopped."""
    product = Product.start(home, *arguments, **settings)
    try:
        await product.ready()
        rows = await asyncpg.connect(product.endpoints["postgres"])
        try:
            yield Stage(product, rows)
        finally:
            await rows.close()
    finally:
        await product.end()
