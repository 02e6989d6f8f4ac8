"""Measures what one tenant's event streams cost the others: their `GET /strategy`, quiet and beside them.

Two attacks, each from a process of its own: one account that tries to open two thousand streams, and a
hundred accounts that hold two thousand.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
ROUNDS = 5
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
        one = [(noisy[0].access_token, paths[0])] * STREAMS
        scene.tell(f"one account tries {STREAMS} streams, {ROUNDS} times")
        rounds = [await _round(here, people, readers, one, opened_first=False) for _ in range(ROUNDS)]
        found.figures.append(_ratio("noisy_tenant_attempts_ratio", rounds, scene.tell))
        each = [(user.access_token, path) for user, path in zip(noisy, paths, strict=True)]
        scene.tell(f"{ACCOUNTS} accounts hold {STREAMS} streams, {ROUNDS} times")
        all_of_them = list(islice(cycle(each), STREAMS))
        rounds = [await _round(here, people, readers, all_of_them, opened_first=True) for _ in range(ROUNDS)]
        found.figures.append(_ratio("noisy_tenant_streams_ratio", rounds, scene.tell))


async def _round(
    here: Stage,
    people: People,
    readers: Sequence[User],
    streams: Sequence[tuple[str, str]],
    *,
    opened_first: bool,
) -> "Round":
    """Read in an idle system, then beside the attack: from its beginning, or once its streams are open."""
    await here.quiet()
    quiet = await reads(people, readers)
    async with _flood(here, streams) as said:
        if opened_first:
            await said()
        beside = await reads(people, readers)
        return Round(quiet, beside, await said())


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
    await process.stdout.readline()  # it has started, which costs as much as any attack
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


@dataclass(frozen=True, slots=True)
class Round:
    """The readers' latencies in an idle system and beside an attack, and what came of the attack."""

    quiet: Latencies
    beside: Latencies
    attack: dict[str, Any]

    @property
    def ratio(self) -> float:
        return self.beside.ms(0.99) / self.quiet.ms(0.99)


def _ratio(name: str, rounds: Sequence[Round], tell: Callable[[str], None]) -> Figure:
    """Return the median of the rounds' ratios: one p99 of a thousand reads is ten of them."""
    middle = sorted(rounds, key=lambda one: one.ratio)[len(rounds) // 2]
    also = {
        "quiet_p50_ms": middle.quiet.ms(0.5),
        "quiet_p99_ms": middle.quiet.ms(0.99),
        "beside_p50_ms": middle.beside.ms(0.5),
        "beside_p99_ms": middle.beside.ms(0.99),
        "ratios": [rounded(one.ratio) for one in rounds],
        "failed": sum(one.quiet.failed + one.beside.failed for one in rounds),
        "streams_opened": middle.attack["opened"],
        "streams_refused": sum(middle.attack["refused"].values()),
    }
    tell(f"ratios of p99 {also['ratios']}")
    return Figure(name, rounded(middle.ratio), also, holds=not also["failed"])
