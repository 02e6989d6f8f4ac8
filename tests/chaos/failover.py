"""Failover: a worker killed at every step of the order protocol; seconds until another acts on the strategy.

`python -m tests.chaos.failover --kills 100`: `stopwatch up --workers 2`, strategy days without faults, one
failpoint armed at a time. Whoever passes it is killed by SIGKILL and restarted by `up`. When another worker
began again what the killed one had in its hands is read from Temporal, ten times a second; an attempt that
begins and ends between two looks, from the history. What the killed one held for its instant, Postgres knows;
it is taken over without Temporal by a worker that says so in its log, or by the run that looks after it.
"""

import argparse
import asyncio
import json
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecution, WorkflowHistory

from domain.failpoint import STEPS
from tests.chaos.plan import Day, Fault
from tests.chaos.player import Player
from tests.chaos.rows import States, connected
from tests.chaos.runner import SYMBOLS
from tests.chaos.world import World

# The other steps are the API's and the listener's, which are not replaced but restarted.
WORKER_STEPS = [step for step in STEPS if step.partition(".")[0] in ("activate", "entry", "exit", "finish")]
# First intents are written ahead, when they are armed: "planned" is passed by a second attempt.
REFUSED_ONCE = (Fault("rate_limit_429", "BUY"), Fault("rate_limit_429", "SELL"))
LANES = 3
PASSED_WITHIN = 60
LOOK_EVERY = 0.1
BOTH_BACK = 4.0
"""Seconds between two kills: a worker that `up` restarts is at work again by then."""


UUID_IN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOOK_OVER = re.compile(r"^(\S+) .*took over: (.*)", re.MULTILINE)
ORDERS = frozenset({"enter", "exit", "settle_entry", "settle_exit"})
"""Activities that send or follow an order; the others write something down."""
STEP = "a step of the run"


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker that died at a step, epoch seconds; the strategies and tags of the orders it held."""

    step: str
    pid: int
    at: float
    held: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt of an activity, as Temporal showed it while it was pending; epoch seconds."""

    run: str
    activity: str
    number: str
    attempt: int
    begun: float
    worker: str


@dataclass(frozen=True, slots=True)
class TakenOver:
    """Seconds until another worker acted after a kill; None where nothing had to be taken over."""

    kill: Kill
    orders: float | None
    writes: float | None
    held: float | None


class Failover:
    """Plays days on a few lanes while workers are killed one after the other."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        self._console = console
        self._states = States(world.product.endpoints["postgres"])
        self._over = False
        self._tries: set[Try] = set()

    async def measured(self, kills: int, steps: Sequence[str] = WORKER_STEPS) -> list[TakenOver]:
        """Kill so often; return for each kill when another worker acted."""
        lanes = [asyncio.create_task(self._lane(lane)) for lane in range(LANES)]
        looking = asyncio.create_task(self._look())
        done: list[Kill] = []
        while len(done) < kills:
            step = steps[len(done) % len(steps)]
            pid = await self._world.kill_at(step, PASSED_WITHIN)
            if pid is None:
                raise AssertionError(f"nobody passed {step} in {PASSED_WITHIN} s")
            done.append(Kill(step, pid, time.time(), await self._held_by(pid)))
            await asyncio.sleep(BOTH_BACK)
            if len(done) % 10 == 0:
                self._console.print(f"{len(done)} of {kills} kills", highlight=False)
        self._over = True
        await asyncio.gather(*lanes)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await self._states.close()
        await self._last_tries()
        takeovers, tries = _takeovers(self._world.home), Tries(self._tries)
        return [_taken_over(kill, tries, takeovers) for kill in done]

    async def _held_by(self, pid: int) -> tuple[tuple[str, str], ...]:
        query = (
            "SELECT strategy_id, tag FROM orders"
            " WHERE held_by LIKE $1 AND status IN ('planned', 'sent', 'open')"
        )
        postgres = await connected(self._world.product.endpoints["postgres"])
        try:
            rows = await postgres.fetch(query, f"%-{pid}-%")
        finally:
            await postgres.close()
        return tuple((str(row["strategy_id"]), row["tag"]) for row in rows)

    async def _lane(self, lane: int) -> None:
        player = Player(lane, SYMBOLS[lane], self._world.product, self._ended)
        await player.sign_up()
        number = 0
        while not self._over:
            number += 1
            faults = REFUSED_ONCE if lane == 0 else ()
            day = Day(number, lane, "sell", lead=2.5, hold=5, act_at=1, quantity=10, starts=1, faults=faults)
            await player.play(day)
        await player.close()

    async def _ended(self, strategy_id: str, repeats: bool = False) -> dict[str, Any]:
        assert not repeats, "no day of this run is one of a series"
        while True:
            found = (await self._states.of([strategy_id])).get(strategy_id)
            if found is not None and found["status"] == "stopped":
                return found
            await asyncio.sleep(0.3)

    async def _look(self) -> None:
        """Note every attempt of every activity: a history keeps only the last one's beginning."""
        client = await Client.connect(self._world.product.endpoints["temporal"])
        query = "WorkflowType = 'StrategyRun' AND ExecutionStatus = 'Running'"
        while True:
            runs = [run async for run in client.list_workflows(query)]
            for run in runs:
                handle = client.get_workflow_handle(run.id, run_id=run.run_id)
                for pending in (await handle.describe()).raw_description.pending_activities:
                    self._note(run.id + run.run_id, pending)
            await asyncio.sleep(LOOK_EVERY)

    def _note(self, run: str, pending: Any) -> None:
        begun = pending.last_started_time.ToMicroseconds() / 1e6
        if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
            name, number = pending.activity_type.name, pending.activity_id
            worker = pending.last_worker_identity.partition("@")[0]
            self._tries.add(Try(run, name, number, pending.attempt, begun, worker))

    async def _last_tries(self) -> None:
        """Add the last attempt of each activity, which may have ended before anybody looked."""
        client = await Client.connect(self._world.product.endpoints["temporal"])
        async for run in client.list_workflows("WorkflowType = 'StrategyRun'"):
            history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
            self._tries |= {*_tries_of_activities(run, history), *_tries_of_steps(run, history)}


def _tries_of_activities(run: WorkflowExecution, history: WorkflowHistory) -> Iterator[Try]:
    asked = {event.event_id: event.activity_task_scheduled_event_attributes for event in history.events}
    for event in history.events:
        if event.HasField("activity_task_started_event_attributes"):
            began = event.activity_task_started_event_attributes
            what = asked[began.scheduled_event_id]
            name, number, attempt = what.activity_type.name, what.activity_id, began.attempt
            yield Try(run.id + run.run_id, name, number, attempt, *_begun(event, began))


def _tries_of_steps(run: WorkflowExecution, history: WorkflowHistory) -> Iterator[Try]:
    """A run's own steps: the first one writes its START down."""
    step, attempt = 0, 0
    for event in history.events:
        if event.HasField("workflow_task_started_event_attributes"):
            attempt += 1
            began = event.workflow_task_started_event_attributes
            yield Try(run.id + run.run_id, STEP, f"step {step}", attempt, *_begun(event, began))
        elif event.HasField("workflow_task_completed_event_attributes"):
            step, attempt = step + 1, 0


def _begun(event: Any, began: Any) -> tuple[float, str]:
    return event.event_time.ToMicroseconds() / 1e6, began.identity.partition("@")[0]


def _takeovers(home: Path) -> list[tuple[str, float]]:
    """Return the tag and the moment, epoch seconds, of each held order that a worker took over."""
    logs = (log.read_text(errors="replace") for log in home.rglob("worker*.log"))
    found = (each for log in logs for each in TOOK_OVER.findall(log))
    return [
        (tag, datetime.fromisoformat(moment).timestamp()) for moment, tags in found for tag in tags.split()
    ]


class Tries:
    """All attempts, found by what each question asks for: there are ten thousand of them after 100 kills."""

    def __init__(self, tries: Iterable[Try]) -> None:
        self._of_worker: dict[str, list[Try]] = defaultdict(list)
        self._numbered: dict[tuple[str, str, int], list[Try]] = defaultdict(list)
        self._orders: dict[str, list[Try]] = defaultdict(list)
        for one in tries:
            self._of_worker[one.worker].append(one)
            self._numbered[one.run, one.number, one.attempt].append(one)
            if one.activity in ORDERS:
                self._orders[_strategy_of(one.run)].append(one)

    def begun_by(self, worker: str, before: float) -> list[Try]:
        """Return what a worker had begun by then."""
        return [one for one in self._of_worker[worker] if one.begun <= before]

    def again(self, one: Try, after: float) -> list[float]:
        """Return when the next attempt of the same began, of those after that moment."""
        later = self._numbered[one.run, one.number, one.attempt + 1]
        return [other.begun for other in later if other.begun > after]

    def orders_of(self, strategy_id: str) -> list[float]:
        """Return when each attempt to send or follow an order of the strategy began."""
        return [one.begun for one in self._orders[strategy_id]]


def _strategy_of(run: str) -> str:
    """Return the strategy's id, which a workflow's id holds: `strategy-{id}-{day}`."""
    found = UUID_IN.search(run)
    return found[0] if found else run


def _taken_over(kill: Kill, tries: Tries, takeovers: Sequence[tuple[str, float]]) -> TakenOver:
    """Return the longest that anything in the killed worker's hands waited for another."""
    waits: dict[str, list[float]] = {"orders": [], "writes": [], "held": []}
    for one in tries.begun_by(str(kill.pid), kill.at):
        if again := tries.again(one, kill.at):
            waits["orders" if one.activity in ORDERS else "writes"].append(min(again) - kill.at)
    for strategy_id, tag in kill.held:
        acted = [moment for taken, moment in takeovers if taken == tag]
        acted += tries.orders_of(strategy_id)
        # Whoever nobody acts for waits for ever: that must show.
        waits["held"].append(min((moment for moment in acted if moment > kill.at), default=inf) - kill.at)
    return TakenOver(kill, *(max(waits[what], default=None) for what in ("orders", "writes", "held")))


def figures(found: Sequence[TakenOver]) -> dict[str, Any]:
    """Return median and worst, for orders and for writes, in all and by the step of the kill."""
    return {
        "kills": len(found),
        "orders": _spread([one.orders for one in found]),
        "writes": _spread([one.writes for one in found]),
        "held": _spread([one.held for one in found]),
        "by_step": {
            step: {
                "kills": sum(one.kill.step == step for one in found),
                "orders": _spread([one.orders for one in found if one.kill.step == step]),
                "writes": _spread([one.writes for one in found if one.kill.step == step]),
                "held": _spread([one.held for one in found if one.kill.step == step]),
            }
            for step in WORKER_STEPS
        },
    }


def _spread(seconds: Sequence[float | None]) -> dict[str, float | int | None]:
    known = [one for one in seconds if one is not None]
    return {
        "taken_over": len(known),
        "median_seconds": round(statistics.median(known), 2) if known else None,
        "worst_seconds": round(max(known), 2) if known else None,
        "over_5_seconds": sum(one > 5 for one in known),
    }


def show(result: dict[str, Any], console: Console) -> None:
    """Print the table."""
    table = Table(title=f"{result['kills']} workers killed: seconds until another acts")
    for title in (
        "killed at",
        "kills",
        "orders: median",
        "worst",
        "writes: median",
        "worst",
        "held: median",
        "worst",
    ):
        table.add_column(title)
    struck = [(step, row) for step, row in result["by_step"].items() if row["kills"]]
    for step, row in [("all", result), *struck]:
        cells = [
            row[of][name]
            for of in ("orders", "writes", "held")
            for name in ("median_seconds", "worst_seconds")
        ]
        table.add_row(step, str(row["kills"]), *("–" if cell is None else str(cell) for cell in cells))
    console.print(table)


async def run(kills: int, steps: Sequence[str], home: Path, console: Console) -> dict[str, Any]:
    """Measure on a product of its own."""
    world = await World.started(home)
    try:
        return figures(await Failover(world, console).measured(kills, steps))
    finally:
        await world.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.failover", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", nargs="*", default=WORKER_STEPS, choices=WORKER_STEPS)
    parser.add_argument("--out", type=Path, default=Path("bench/chaos.json"))
    asked = parser.parse_args()
    console, home = Console(), Path(tempfile.mkdtemp(prefix="stopwatch-failover-"))
    console.print(f"Failover: {asked.kills} kills; its data is in {home}", highlight=False)
    result = asyncio.run(run(asked.kills, asked.steps, home, console))
    show(result, console)
    before = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(before | {"failover": result}, indent=1) + "\n")
    shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
