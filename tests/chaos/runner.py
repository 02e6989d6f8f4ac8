"""The chaos run: strategy days on the whole product, while processes, links and the broker fail."""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.chaos.breaker import Breaker
from tests.chaos.hand_plan import with_hands
from tests.chaos.other_hands import TOLD_WITHIN
from tests.chaos.plan import ADOPTED_IN, REPEATS_EVERY, Plan, fault_free, is_calm
from tests.chaos.player import Player
from tests.chaos.protect_plan import with_protection
from tests.chaos.report import show
from tests.chaos.rows import States, next_day_waits
from tests.chaos.watching import Watching
from tests.chaos.world import SETTINGS, World

LANES = 40
POLL = 0.5
TELL_EVERY = 10.0
CHECK_WITHIN = 900
# One symbol a lane: a price that falls for one must not fall for another.
SYMBOLS = [
    "ADANIENT", "ADANIPORTS", "APOLLOHOSP", "ASIANPAINT", "AXISBANK", "BAJAJ-AUTO", "BAJFINANCE",
    "BAJAJFINSV", "BEL", "BHARTIARTL", "CIPLA", "COALINDIA", "DRREDDY", "EICHERMOT",
    "GRASIM", "HCLTECH", "HDFCBANK", "HDFCLIFE", "HINDALCO", "HINDUNILVR", "ICICIBANK",
    "INFY", "ITC", "JSWSTEEL", "KOTAKBANK", "LT", "M&M", "MARUTI",
    "NESTLEIND", "NTPC", "ONGC", "POWERGRID", "RELIANCE", "SBILIFE", "SBIN",
    "SHRIRAMFIN", "SUNPHARMA", "TATASTEEL", "TCS", "TECHM", "TITAN", "TRENT",
    "ULTRACEMCO", "WIPRO",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked of a run."""

    days: int
    seed: int
    lanes: int = LANES
    out: Path | None = None
    extras: tuple[str, ...] = ()
    keep: bool = False
    repeats_every: int = REPEATS_EVERY
    protect: bool = False


class Run:
    """One run: the world, the users in it, and how far they are."""

    def __init__(self, plan: Plan, world: World, console: Console) -> None:
        self._plan = plan
        self._world = world
        self._console = console
        self._states = States(world.product.endpoints["postgres"])
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._repeating: set[str] = set()
        """Those of them of which the end of a day is waited for, whether or not the next one waits then."""
        self._began = 0
        self._records: list[dict[str, Any]] = []
        self._struck: dict[str, int] = {}
        self._breaker = Breaker(world, plan.disturbances, lambda: list(self._waiting))
        self._watching = Watching(world)
        self._started = time.monotonic()

    async def play(self) -> dict[str, Any]:
        """Play every day of the plan; return the script of what was done."""
        others = [asyncio.create_task(each) for each in (self._poll(), self._tell(), self._watching.run())]
        try:
            players = [
                Player(lane, SYMBOLS[lane], self._world.product, self._ended)
                for lane in range(self._plan.lanes)
            ]
            await asyncio.gather(*(player.sign_up() for player in players))
            await asyncio.gather(*(self._lane(player) for player in players))
            await self._breaker.settled()
            await self._shown()
            await asyncio.gather(*(player.close() for player in players))
            self._struck = (await self._world.product.paper("/_paper/faults"))["struck"]
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._watching.close()
            await self._states.close()
        return self._script()

    async def _lane(self, player: Player) -> None:
        await asyncio.sleep(player.lane * 0.4)  # not all in one second
        for day in (day for day in self._plan.days if day.lane == player.lane):
            number = self._began
            self._began += 1
            self._breaker.began(number)
            if is_calm(number, len(self._plan.days)):
                await self._breaker.settled()  # what waited for its turn strikes before the calm
            self._records.append(await player.play(day))

    async def _shown(self) -> None:
        """Wait until what the books hide is shown, and what another hand did is told.

        An entry that turns up late is adopted first.
        """
        hidden = [
            record["ended"] + fault.delay
            for record, day in (
                (record, self._plan.days[record["day"]["number"]]) for record in self._records
            )
            for fault in day.faults
            if fault.kind == "late_visibility"
        ]
        moved = [act["at"] for record in self._records for act in record["acts"] if act.get("moves")]
        left = max(max(hidden, default=0) + ADOPTED_IN / 2, max(moved, default=0) + TOLD_WITHIN) - time.time()
        await asyncio.sleep(max(0, left))

    async def _ended(self, strategy_id: str, repeats: bool = False) -> dict[str, Any]:
        """Wait until Postgres says that the strategy has stopped; if it repeats, that its next day waits."""
        if repeats:
            self._repeating.add(strategy_id)
        else:
            self._repeating.discard(strategy_id)
        future = self._waiting.setdefault(strategy_id, asyncio.get_running_loop().create_future())
        return await asyncio.shield(future)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            try:
                found = await self._states.of(list(self._waiting))
            except Exception as odd:  # a run whose eyes are shut waits for ever
                self._console.print(f"Postgres could not be read: {odd!r}", highlight=False)
                continue
            for strategy_id, row in found.items():
                if row["status"] == "stopped" or (strategy_id in self._repeating and next_day_waits(row)):
                    future = self._waiting.pop(strategy_id)
                    if not future.done():
                        future.set_result(row)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY)
            self._console.print(self._line(), highlight=False, soft_wrap=True)

    def _line(self) -> str:
        log, seconds = self._breaker, time.monotonic() - self._started
        troubles = sum("trouble" in record for record in self._records)
        return (
            f"{seconds:5.0f} s  {len(self._records):4d} of {len(self._plan.days)} days done, "
            f"{self._began - len(self._records):3d} in flight; kills {log.count('kill', 'failpoint')}, "
            f"freezes {log.count('freeze')}, net {log.count('net')}, feed {log.count('feed')}, "
            f"terminated {log.count('terminate')}, flushed {log.count('flush')}; "
            f"days in trouble {troubles}"
        )

    def _script(self) -> dict[str, Any]:
        return {
            "seed": self._plan.seed,
            "settings": SETTINGS,
            "fault_free_lanes": sorted(fault_free(self._plan)),
            "days": self._records,
            "disturbances": self._breaker.log,
            "struck": self._struck,
            "watch": self._watching.noted(),
        }


async def run(plan: Plan, home: Path, console: Console) -> dict[str, Any]:
    """Play a plan and have it checked; return the result that goes into chaos.json."""
    (home / "plan.json").write_text(json.dumps(asdict(plan), indent=1))
    began = time.monotonic()
    world = await World.started(home)
    try:
        await world.far_worker()
        script = await Run(plan, world, console).play()
        (home / "script.json").write_text(json.dumps(script))
        played = time.monotonic() - began
        console.print(f"All days are over after {played:.0f} s; the checker looks at what is left.")
        verdict = await checked(home)
    finally:
        status = await world.close()
    if status != 0:
        verdict["violations"].append({"invariant": "0", "what": f"`up` ended with exit status {status}"})
    result = summary(plan, script, verdict) | {"seconds": round(time.monotonic() - began, 1)}
    (home / "result.json").write_text(json.dumps(result | {"violations": verdict["violations"]}, indent=1))
    return result | {"violations": verdict["violations"]}


async def checked(home: Path) -> dict[str, Any]:
    """Run the checker as a process of its own; return its verdict."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.checker",
        "--endpoints",
        str(home / "data" / "endpoints.json"),
        "--script",
        str(home / "script.json"),
        "--out",
        str(home / "verdict.json"),
    )
    async with asyncio.timeout(CHECK_WITHIN):
        status = await process.wait()
    if status not in (0, 1):
        return {"violations": [{"invariant": "0", "what": f"the checker died with status {status}"}]}
    verdict: dict[str, Any] = json.loads((home / "verdict.json").read_text())
    return verdict


def summary(plan: Plan, script: dict[str, Any], verdict: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a run."""
    log = script["disturbances"]
    faults = Counter({kind: n for kind, n in script["struck"].items() if not kind.startswith("ws_")})
    faults.update(row["target"] for row in log if row["what"] == "feed")
    faults.update(f"net_{row['hit']}" for row in log if row["what"] == "net")
    kills = Counter(row["target"] for row in log if row["what"] in ("kill", "paper"))
    kills.update(f"at {row['target']}" for row in log if row["what"] == "failpoint")
    kills.update(f"{row['target']} frozen" for row in log if row["what"] == "freeze")
    kills.update(row["target"] for row in log if row["what"] in ("flush", "terminate"))
    faults.update(f"unreadable row in {row['target']}" for row in log if row["what"] == "rows")
    return {
        "seed": plan.seed,
        "days": len(plan.days),
        "in_flight": plan.lanes,
        "settings": SETTINGS,
        "kinds": dict(Counter(day.kind for day in plan.days)),
        "faults": dict(sorted(faults.items())),
        "kills": dict(sorted(kills.items())),
        "hands": verdict.get("hands", {}),
        "window": verdict.get("window", {}),
        "protected": verdict.get("protected", {}),
        "outcomes": verdict.get("outcomes", {}),
        "as_planned": verdict.get("as_planned", {}),
        "checked": verdict.get("checked", {}),
        "violations_by_invariant": dict(Counter(one["invariant"] for one in verdict["violations"])),
    }


def arguments() -> Wish:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--days", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--lanes", type=int, default=LANES, help="users that trade at the same time")
    parser.add_argument("--out", type=Path, default=Path("bench/chaos.json"))
    parser.add_argument("--with", dest="extras", action="append", default=[], choices=("paper",))
    parser.add_argument("--series", action="store_true", help="every day's strategies repeat")
    parser.add_argument("--protect", action="store_true", help="every day's stop rests at the exchange")
    parser.add_argument("--keep", action="store_true", help="keep the data directory of a good run too")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    lanes = min(asked.lanes, len(SYMBOLS))
    return Wish(
        asked.days,
        seed,
        lanes,
        asked.out,
        extras=tuple(asked.extras),
        keep=asked.keep,
        repeats_every=1 if asked.series else REPEATS_EVERY,
        protect=asked.protect,
    )


def main() -> int:
    """Run from the command line; 1 when an invariant was violated."""
    wish, console = arguments(), Console()
    console.print(f"Chaos: {wish.days} days, {wish.lanes} at a time, seed {wish.seed}", highlight=False)
    home = Path(tempfile.mkdtemp(prefix="stopwatch-chaos-"))
    plan = with_hands(Plan.made(wish.seed, wish.days, wish.lanes, wish.extras, wish.repeats_every))
    plan = with_protection(plan, every=wish.protect)
    result = asyncio.run(run(plan, home, console))
    show(result, console)
    if wish.out is not None:
        _write(wish.out, result)
    if result["violations"]:
        console.print(f"Violated. Again with --seed {wish.seed}; everything is kept in {home}", style="red")
        return 1
    if wish.keep:
        console.print(f"Everything is kept in {home}")
    else:
        shutil.rmtree(home, ignore_errors=True)
    return 0


def _write(out: Path, result: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(out.read_text()) if out.exists() else {}
    kept = {name: before[name] for name in ("failover", "planted") if name in before}
    out.write_text(json.dumps(result | kept, indent=1) + "\n")
