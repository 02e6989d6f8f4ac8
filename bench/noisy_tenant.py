"""Measures what one tenant's event streams cost the others: their `GET /strategy`, quiet and beside them.

Two attacks, each from a process of its own: one account that tries to open two thousand streams, and a
hundred accounts that hold two thousand.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any

from bench.crowd import SELL_TIME
from bench.figures import Figure, rounded
from bench.open_loop import Latencies, at_rate
from bench.outcome import Outcome, Scene
from bench.people import People, Refusal, User
from bench.stage import Stage, stage

READERS, READS, READS_A_SECOND = 20, 1_000, 100
ACCOUNTS, STREAMS = 100, 2_000
AT_ONCE = 8
"""Attempts of an attacker at one time."""
SYMBOL = "SBIN"


async def press(scene: Scene, found: Outcome) -> None:
    """Measure the readers' p99: quiet, beside one account's attempts, beside a hundred accounts' streams."""
    async with (
        stage(scene.home / "noisy_tenant") as here,
        People.on(here.endpoints["api"], here.endpoints["paper"]) as people,
    ):
        users = await people.move_in(READERS + ACCOUNTS, here.rows)
        readers, noisy = users[:READERS], users[READERS:]
        paths = [await _stream_path(people, user) for user in noisy]
        for user in readers:
            await _stream_path(people, user)
        await here.quiet()
        await reads(people, readers)  # a product that is just up is slow by itself
        quiet = await reads(people, readers)
        scene.tell(f"quiet p99 {quiet.ms(0.99)} ms; one account tries {STREAMS} streams")
        async with _flood(here, [(noisy[0].access_token, paths[0])] * STREAMS) as said:
            beside = await reads(people, readers)
            await said()
        found.figures.append(_ratio("noisy_tenant_attempts_ratio", quiet, beside, await said()))
        scene.tell(f"p99 {beside.ms(0.99)} ms; {ACCOUNTS} accounts hold {STREAMS} streams")
        each = [(user.access_token, path) for user, path in zip(noisy, paths, strict=True)]
        async with _flood(here, list(islice(cycle(each), STREAMS))) as said:
            opened = await said()
            beside = await reads(people, readers)
        found.figures.append(_ratio("noisy_tenant_streams_ratio", quiet, beside, opened))
        scene.tell(f"p99 {beside.ms(0.99)} ms")


async def _stream_path(people: People, user: User) -> str:
    later = datetime.now().astimezone() + timedelta(hours=6)
    made = await people.create(user, later, SELL_TIME, symbol=SYMBOL, stop_loss=1)
    return f"/strategy/{made}/events"


async def reads(people: People, readers: Sequence[User]) -> Latencies:
    """Read the strategy lists of users in turn, a hundred a second."""

    def call(user: User) -> Callable[[], Awaitable[bool]]:
        async def read() -> bool:
            try:
                await people.call(user, "GET", "/strategy")
            except Refusal:
                return False
            return True

        return read

    return await at_rate([call(user) for user in islice(cycle(readers), READS)], READS_A_SECOND)


@asynccontextmanager
async def _flood(
    here: Stage, streams: Sequence[tuple[str, str]]
) -> AsyncIterator[Callable[[], Awaitable[dict[str, Any]]]]:
    """Attack while the context lasts; give what waits for the attacker's count."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.stream_flood"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked = {"api": here.endpoints["api"], "streams": streams, "at_once": AT_ONCE}
    process.stdin.write(json.dumps(asked).encode() + b"\n")
    count: asyncio.Task[bytes] = asyncio.create_task(process.stdout.readline())

    async def said() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await asyncio.shield(count))
        return found

    try:
        yield said
    finally:
        process.stdin.close()
        await process.wait()


def _ratio(name: str, quiet: Latencies, beside: Latencies, attack: dict[str, Any]) -> Figure:
    also = {
        "quiet_p50_ms": quiet.ms(0.5),
        "quiet_p99_ms": quiet.ms(0.99),
        "beside_p50_ms": beside.ms(0.5),
        "beside_p99_ms": beside.ms(0.99),
        "failed": quiet.failed + beside.failed,
        "streams_opened": attack["opened"],
        "streams_refused": sum(attack["refused"].values()),
    }
    return Figure(name, rounded(beside.ms(0.99) / quiet.ms(0.99)), also, holds=not also["failed"])
