"""Looks, while a run goes on, who watches the stops of protected days: nobody can tell afterwards."""

import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg

from tests.chaos.rows import AWAY, connected
from tests.chaos.world import World

LOOK_EVERY = 0.5
_WATCHED = """
SELECT w.strategy_id, extract(epoch FROM w.watched_at)::float8 AS at
FROM stop_watches AS w JOIN strategies AS s USING (strategy_id)
WHERE s.status = 'running' AND s.terms ->> 'protect' = 'exchange'
"""


class Watching:
    """Notes each word of a listener for a stop, and when no listener lived or Postgres could not be asked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._watched: dict[str, list[float]] = {}
        self._looks: list[dict[str, Any]] = []

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._looks.append({"at": time.time(), "lives": self._lives(), "read": await self._read()})
            await asyncio.sleep(LOOK_EVERY)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    def noted(self) -> dict[str, Any]:
        """Return when each stop was said to be watched, and when there was nobody to say so."""
        return {
            "watched": self._watched,
            "nobody": _times(self._looks, "lives"),
            "unread": _times(self._looks, "read"),
        }

    def _lives(self) -> bool:
        return any(_runs(pid) for pid in self._world.pids("listener"))

    async def _read(self) -> bool:
        try:
            if self._connection is None:
                self._connection = await connected(self._world.product.endpoints["postgres"], 1)
            rows = await self._connection.fetch(_WATCHED, timeout=3)
        except (*AWAY, ValueError):
            if self._connection is not None:
                self._connection.terminate()
            self._connection = None
            return False
        for row in rows:
            moments = self._watched.setdefault(str(row["strategy_id"]), [])
            if not moments or moments[-1] != row["at"]:
                moments.append(row["at"])
        return True


def _runs(pid: int) -> bool:
    """Tell whether a process is there, and not stopped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "TtZX"


def _times(looks: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    """Return from when to when a look found it missing."""
    found: list[tuple[float, float]] = []
    since: float | None = None
    for look in looks:
        if look[name]:
            found += [] if since is None else [(since, look["at"])]
            since = None
        elif since is None:
            since = look["at"]
    return found if since is None else [*found, (since, looks[-1]["at"])]
