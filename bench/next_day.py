"""The seam between two days: a thousand series end in one second, while ten thousand others sleep."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiohttp

from bench.alone import Alone
from bench.crowd import Crowd
from bench.figures import Figure, of_samples, rounded
from bench.outcome import ONCE, QUIET, SEAM, Outcome, Scene
from bench.people import People, User
from bench.processes import cost_of, parts_of
from bench.sleepers import USERS, Sleepers, fill
from bench.spread import Samples, missing, percentile
from bench.stage import Stage, stage

WORKERS = "2"
EVERY_DAY = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
HOLDS = 120.0
"""Seconds from the purchase to the sale: everything is held, and at rest, when the sale is due."""
SINGLES_AHEAD = 15.0
"""Seconds before the sale at which those that are due beside it are started."""
CREATED_TOO = 1.7
"""To create and start one takes so many times what a START alone takes."""
OVER_WITHIN = 180.0
LOOK_EVERY = 0.25
OURS = ("worker", "api", "listener")
_SEEN = "SELECT strategy_id::text, extract(epoch FROM clock_timestamp())::float8 AS at FROM strategies "
WAITS = f"{_SEEN} WHERE strategy_id = ANY($1::uuid[]) AND trading_day > $2 AND run_id IS NOT NULL"
STOPPED = f"{_SEEN} WHERE strategy_id = ANY($1::uuid[]) AND trading_day = $2 AND status = 'stopped'"
_ENDED = (
    "SELECT strategy_id::text, extract(epoch FROM ended_at)::float8 AS at FROM strategy_days "
    "WHERE strategy_id = ANY($1::uuid[])"
)


async def end_together(scene: Scene, found: Outcome) -> None:
    """Have strategies of one day, then series, be sold in one second; others buy beside them."""
    async with (
        stage(scene.home / "next_day", "--workers", WORKERS) as here,
        People.on(here.endpoints["api"], here.endpoints["paper"]) as people,
    ):
        await _fall_asleep(scene, here)
        users = await people.move_in(scene.size.accounts, here.rows)
        alone = Alone(here, people, await people.move_in(scene.size.singles, here.rows), scene.tell)
        await here.quiet()
        quiet, _ = await alone.enter()
        close = Close(scene, here, people, users, alone)
        once, beside_once = await close.sell(STOPPED)
        series, beside = await close.sell(WAITS, repeat=EVERY_DAY)
    found.figures += [
        took(series, once, scene.size.sleepers),
        spent_on(series, once),
        lateness(beside, beside_once, quiet),
    ]
    for name, samples in ((QUIET, quiet), (ONCE, beside_once), (SEAM, beside)):
        found.curve("next_day_entry", name, samples)


async def _fall_asleep(scene: Scene, here: Stage) -> None:
    """Start the series that sleep, over REST."""
    scene.tell(f"{scene.size.sleepers} series fall asleep")
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(here.endpoints["api"], connector=connector) as http:
        sleepers = Sleepers(here.product, http, repeat=EVERY_DAY)
        await sleepers.join(USERS)
        began = time.monotonic()
        await fill(sleepers, here.rows, scene.size.sleepers)
    each = (time.monotonic() - began) / scene.size.sleepers
    # What is started next is created over REST as well, and beside all that sleep.
    scene.pace.seconds_each = max(scene.pace.seconds_each, CREATED_TOO * each)


def took(series: "Seam", once: "Seam", asleep: int) -> Figure:
    """Return how long it took from each day's end; beside it, from the second of the sale on."""
    own = [series.since(one, series.ended.get(one)) for one in series.ids]
    also = {
        "asleep": asleep,
        "from_the_sale_p99_s": _from_the_sale(series),
        "sale_to_end_without_a_next_day_p99_s": _from_the_sale(once),
    }
    return of_samples("next_day_p99_s", own, 0.99, **also)


def _from_the_sale(seam: "Seam") -> float | None:
    return rounded(percentile([seam.since(one, seam.sells_at) for one in seam.ids], 0.99))


def spent_on(series: "Seam", once: "Seam") -> Figure:
    """Return what a strategy costs beyond its sale and its end; beside it, what these cost."""
    whole, alone = (sum(of.cost[part] for part in OURS) for of in (series, once))
    also = {"sale_and_end": rounded(alone), "parts": series.cost, "parts_without_next_day": once.cost}
    return Figure("next_day_cpu_ms", rounded(whole - alone), also, holds=series.over and once.over)


def lateness(beside: Samples, once: Samples, quiet: Samples) -> Figure:
    before = percentile(quiet, 0.99)
    also = {"beside_the_sale_alone_p99": rounded(percentile(once, 0.99)), "quiet_p99": rounded(before)}
    figure = of_samples("next_day_entry_lateness_p99_ms", beside, 0.99, **also)
    figure.holds = missing(beside) == missing(once) == 0
    return figure.compared(before)


@dataclass
class Seam:
    """Strategies whose day ends at one instant, and when what comes of each was seen."""

    here: Stage
    ids: Sequence[str]
    due: datetime
    query: str
    seen: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)

    @property
    def sells_at(self) -> float:
        return self.due.timestamp()

    @property
    def over(self) -> bool:
        return len(self.seen) == len(self.ids)

    async def pass_by(self) -> None:
        """Look until all are over; what the processes spend from the second before the sale counts."""
        await asyncio.sleep(max(0, self.sells_at - 1 - time.time()))
        async with cost_of(parts_of(self.here.endpoints), len(self.ids)) as cost:
            while not self.over and time.time() < self.sells_at + OVER_WITHIN:
                await asyncio.sleep(LOOK_EVERY)
                for row in await self.here.rows.fetch(self.query, list(self.ids), self.due.date()):
                    self.seen.setdefault(row["strategy_id"], row["at"])
        self.cost = cost
        for row in await self.here.rows.fetch(_ENDED, list(self.ids)):
            self.ended[row["strategy_id"]] = row["at"]

    def since(self, strategy_id: str, instant: float | None) -> float | None:
        """Return after how many seconds one was over; None where it never was."""
        seen = self.seen.get(strategy_id)
        return None if seen is None or instant is None else round(seen - instant, 3)


@dataclass(frozen=True, slots=True)
class Close:
    """The second in which all users sell, round after round, with the purchases of others beside it."""

    scene: Scene
    here: Stage
    people: People
    users: Sequence[User]
    alone: Alone

    async def sell(self, query: str, **terms: object) -> tuple[Seam, Samples]:
        """Buy for all users, and sell in one second; return what came of it, and the others' lateness."""
        crowd = Crowd(self.here, self.people, self.users, self.scene.pace, self.scene.tell, HOLDS, **terms)
        herd = await crowd.gather()
        await crowd.enter(herd)
        due = herd.due + timedelta(seconds=HOLDS)
        seam = Seam(self.here, sorted(herd.strategies.values()), due, query)
        await asyncio.sleep(max(0, seam.sells_at - SINGLES_AHEAD - time.time()))
        entering = asyncio.create_task(self.alone.enter(due + timedelta(seconds=1)))
        await seam.pass_by()
        self.scene.tell(f"{len(seam.seen)} of {len(seam.ids)} over in {time.time() - seam.sells_at:.1f} s")
        beside, _ = await entering
        await self.here.quiet()
        return seam, beside
