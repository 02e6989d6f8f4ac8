"""Measures what live streams cost the API: five thousand of five hundred users, a price a second in each."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from bench.crowd import SELL_TIME
from bench.figures import Figure, rounded
from bench.noisy_tenant import SYMBOL, reads
from bench.outcome import Outcome, Scene
from bench.people import People, User
from bench.processes import parts_of, watched
from bench.stage import Stage, stage

USERS, EACH = 500, 10
WATCHED = 30.0
PRICE, TICK = 800.0, 0.05
MOVES, MOVE_EVERY, LENGTH = 40, 0.25, 2 * WATCHED
"""The path goes up by so many ticks, one each quarter of a second, and begins anew: whatever second of it the
listener writes, and the API reads, its price is another one than that of the second before."""
AT_ONCE = 16
PATH = "/events?since=now"


async def follow_all(scene: Scene, found: Outcome) -> None:
    """Open the streams, watch the API's processor time, and read a strategy list beside them."""
    async with (
        stage(scene.home / "streams") as here,
        People.on(here.endpoints["api"], here.endpoints["paper"]) as people,
    ):
        users = await people.move_in(USERS, here.rows)
        await _start_one_each(people, users)
        await here.quiet()
        scene.tell(f"{USERS} users watch a price each; {USERS * EACH} streams open")
        async with _readers(here, users) as ask:
            await people.path(SYMBOL, path())
            await asyncio.sleep(1)
            await reads(people, users)  # of calls that were never made the first ones are slow by themselves
            await ask()
            cost, told, read = await asyncio.gather(
                watched(parts_of(here.endpoints), WATCHED), _count(ask), reads(people, users)
            )
    api = cost["api"]
    also = {
        "memory_mb": api["memory_mb"],
        "prices_a_second": round(told["prices"] / WATCHED),
        "ended": told["ended"],
        "read_p50_ms": read.ms(0.5),
        "read_p99_ms": read.ms(0.99),
        "failed": read.failed,
    }
    holds = told["prices"] > 0.9 * USERS * EACH * WATCHED and not (told["ended"] or read.failed)
    found.figures += [
        Figure("streams_cpu_percent", rounded(api["cpu_percent"]), also, holds=holds),
        Figure("streams_read_p99_ms", rounded(read.ms(0.99)), also, holds=holds),
    ]


def path() -> list[tuple[float, float]]:
    """Return prices of which none comes again within seconds."""
    steps = range(int(LENGTH / MOVE_EVERY))
    return [(step * MOVE_EVERY, round(PRICE + step % MOVES * TICK, 2)) for step in steps]


async def _start_one_each(people: People, users: Sequence[User]) -> None:
    later = datetime.now().astimezone() + timedelta(hours=6)
    for user in users:
        made = await people.create(user, later, SELL_TIME, symbol=SYMBOL, stop_loss=1)
        await people.start(user, made)


async def _count(ask: Any) -> dict[str, int]:
    await asyncio.sleep(WATCHED)
    told: dict[str, int] = await ask()
    return told


@asynccontextmanager
async def _readers(here: Stage, users: Sequence[User]) -> AsyncIterator[Any]:
    """Hold the streams while the context lasts; give what asks how many prices have come."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.stream_readers"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    streams = [(user.access_token, PATH) for user in users for _ in range(EACH)]
    asked = {"api": here.endpoints["api"], "streams": streams, "at_once": AT_ONCE}
    process.stdin.write(json.dumps(asked).encode() + b"\n")
    opened = json.loads(await process.stdout.readline())["opened"]
    if opened != len(streams):
        raise RuntimeError(f"only {opened} of {len(streams)} streams were opened")
    lines, answers = process.stdin, process.stdout

    async def ask() -> dict[str, int]:
        lines.write(b"\n")
        told: dict[str, int] = json.loads(await answers.readline())
        return told

    try:
        yield ask
    finally:
        process.stdin.close()
        await process.wait()
