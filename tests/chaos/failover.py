"""Failover: a worker killed at every step of the order protocol; seconds until another acts on the strategy.

`python -m tests.chaos.failover --kills 100`: `stopwatch up --workers 2`, strategy days without faults, one
failpoint armed at a time. Whoever passes it is killed by SIGKILL and restarted by `up`. What another worker
did next, and when, is read from the run's history in Temporal.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory

from domain.failpoint import STEPS
from tests.chaos.plan import Day
from tests.chaos.player import Player
from tests.chaos.rows import States
from tests.chaos.runner import SYMBOLS
from tests.chaos.world import World

# The other steps are the API's and the listener's, which are not replaced but restarted.
# An exit's first intent is written with its position: "exit.planned" is passed only by a second attempt.
WORKER_STEPS = [
    step
    for step in STEPS
    if step.partition(".")[0] in ("activate", "entry", "exit", "finish") and step != "exit.planned"
]
LANES = 3
PASSED_WITHIN = 60
BOTH_BACK = 4.0
"""Seconds between two kills: a worker that `up` restarts is at work again by then."""


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker that died at a step, epoch seconds."""

    step: str
    pid: int
    at: float


class Failover:
    """Plays days on a few lanes while workers are killed one after the other."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        self._console = console
        self._states = States(world.product.endpoints["postgres"])
        self._over = False
        self._strategies: list[str] = []

    async def measured(self, kills: int) -> list[tuple[Kill, float | None]]:
        """Kill so often; return for each kill the seconds until another worker acted, None if none had to."""
        lanes = [asyncio.create_task(self._lane(lane)) for lane in range(LANES)]
        done: list[Kill] = []
        while len(done) < kills:
            step = WORKER_STEPS[len(done) % len(WORKER_STEPS)]
            pid = await self._world.kill_at(step, PASSED_WITHIN)
            if pid is None:
                raise AssertionError(f"nobody passed {step} in {PASSED_WITHIN} s")
            done.append(Kill(step, pid, time.time()))
            await asyncio.sleep(BOTH_BACK)
            if len(done) % 10 == 0:
                self._console.print(f"{len(done)} of {kills} kills", highlight=False)
        self._over = True
        await asyncio.gather(*lanes)
        await self._states.close()
        return await self._judged(done)

    async def _lane(self, lane: int) -> None:
        player = Player(lane, SYMBOLS[lane], self._world.product, self._ended)
        await player.sign_up()
        number = 0
        while not self._over:
            number += 1
            day = Day(number, lane, "sell", lead=2.5, hold=5, act_at=1, quantity=10, starts=1)
            record = await player.play(day)
            self._strategies += record["strategies"]
        await player.close()

    async def _ended(self, strategy_id: str) -> dict[str, Any]:
        while True:
            found = (await self._states.of([strategy_id])).get(strategy_id)
            if found is not None and found["status"] == "stopped":
                return found
            await asyncio.sleep(0.3)

    async def _judged(self, kills: Sequence[Kill]) -> list[tuple[Kill, float | None]]:
        client = await Client.connect(self._world.product.endpoints["temporal"])
        histories = [
            await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            async for run in client.list_workflows("WorkflowType = 'StrategyRun'")
        ]
        return [(kill, _taken_over(kill, histories)) for kill in kills]


def _taken_over(kill: Kill, histories: Sequence[WorkflowHistory]) -> float | None:
    """Return the longest time any run waited for another worker after this kill."""
    waits = [wait for history in histories for wait in _waits(history) if wait[0] <= kill.at + 0.1 < wait[1]]
    return max((started - kill.at for _, started in waits), default=None)


def _waits(history: WorkflowHistory) -> list[tuple[float, float]]:
    """Return (scheduled, begun again) of every activity that another worker had to begin again."""
    scheduled: dict[int, float] = {}
    found = []
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled[event.event_id] = event.event_time.ToMicroseconds() / 1e6
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            begun = event.activity_task_started_event_attributes
            if begun.attempt > 1:
                at = event.event_time.ToMicroseconds() / 1e6
                found.append((scheduled[begun.scheduled_event_id], at))
    return found


def figures(found: Sequence[tuple[Kill, float | None]]) -> dict[str, Any]:
    """Return worst and median, in all and by step."""
    by_step: dict[str, list[float]] = defaultdict(list)
    for kill, seconds in found:
        if seconds is not None:
            by_step[kill.step].append(seconds)
    everything = [seconds for several in by_step.values() for seconds in several]
    return {
        "kills": len(found),
        "taken_over": len(everything),
        "median_seconds": round(statistics.median(everything), 2) if everything else None,
        "worst_seconds": round(max(everything), 2) if everything else None,
        "over_5_seconds": sum(seconds > 5 for seconds in everything),
        "by_step": {
            step: {
                "kills": sum(kill.step == step for kill, _ in found),
                "median": round(statistics.median(by_step[step]), 2) if by_step[step] else None,
                "worst": round(max(by_step[step]), 2) if by_step[step] else None,
            }
            for step in WORKER_STEPS
        },
    }


def show(result: dict[str, Any], console: Console) -> None:
    table = Table(
        title=f"{result['kills']} workers killed: median {result['median_seconds']} s, "
        f"worst {result['worst_seconds']} s until another acts"
    )
    for title in ("step", "kills", "median s", "worst s"):
        table.add_column(title)
    for step, row in result["by_step"].items():
        table.add_row(step, *(str(row[name]) for name in ("kills", "median", "worst")))
    console.print(table)


async def run(kills: int, home: Path, console: Console) -> dict[str, Any]:
    """Measure on a product of its own."""
    world = await World.started(home)
    try:
        return figures(await Failover(world, console).measured(kills))
    finally:
        await world.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.failover", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("bench/chaos.json"))
    asked = parser.parse_args()
    console, home = Console(), Path(tempfile.mkdtemp(prefix="stopwatch-failover-"))
    console.print(f"Failover: {asked.kills} kills; its data is in {home}", highlight=False)
    result = asyncio.run(run(asked.kills, home, console))
    show(result, console)
    before = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(before | {"failover": result}, indent=1) + "\n")
    shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
