"""Many sleepers: what 10,000 started strategies cost while they wait, and how fast one more starts.

python -m bench.sleepers --count 10000
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg

from bench.open_loop import Latencies, at_rate, percentile_ms
from bench.processes import cost_of, parts_of, watched
from tests.e2e.product import Product

USERS = 20
SYMBOLS = ("TCS", "INFY", "SBIN", "RELIANCE", "ITC", "HDFCBANK", "ICICIBANK", "LT", "AXISBANK", "WIPRO")
AT_ONCE = 24
"""Strategies that are created and started at the same time, to fill the machine."""
SETTLES_IN = 15.0
"""Seconds after the last START before the idle machine is watched: writes and caches come to rest."""
IDLE_SECONDS = 20.0
STARTS, STARTS_A_SECOND = 200, 20
READS, READS_A_SECOND = 3000, 300
Parts = dict[str, list[int]]
"""The pids of each part."""
Rows: TypeAlias = Any
"""A connection to Postgres as the schema's owner."""
_INDIA = ZoneInfo("Asia/Kolkata")
_AS_CREATED = (
    "user_id, symbol, exchange, product, buy_time, sell_time, stop_loss, quantity, on_stop, warnings, terms"
)
_AFTER_IT = f"""
    INSERT INTO strategies (strategy_id, {_AS_CREATED})
    SELECT gen_random_uuid(), {_AS_CREATED} FROM strategies, generate_series(1, $2::int)
    WHERE strategy_id = $1::uuid RETURNING strategy_id
"""


@dataclass
class Person:
    """A user with a connected paper account."""

    words: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)


class Sleepers:
    """Users over REST; many connections, as from many phones. `terms` are those of their strategies."""

    def __init__(self, product: Product, http: aiohttp.ClientSession, **terms: object) -> None:
        self._product = product
        self._http = http
        self._terms = terms
        self.people: list[Person] = []

    async def join(self, count: int) -> None:
        """Register users, each with a paper account of its own."""
        for _ in range(count):
            person = Person({"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"})
            await self._log_in(person, "/auth/register")
            account = await self._product.paper("/_paper/accounts", cash=1e9)
            keys = {name: account[name] for name in ("api_key", "api_secret", "access_token")}
            await self._post(person, "/broker/connect", keys)
            self.people.append(person)

    async def log_in_again(self) -> None:
        """Renew the access tokens: they end after 15 minutes."""
        for person in self.people:
            await self._log_in(person, "/auth/login")

    async def create(self, person: Person, symbol: str) -> str:
        buy_at = _hours_ahead()
        words = {
            "symbol": symbol,
            "buy_time": buy_at.strftime("%H:00:00"),
            "sell_time": buy_at.strftime("%H:59:00"),
            "stop_loss": 1,
            "quantity": 1,
        }
        return str((await self._post(person, "/strategy/create", words | self._terms))["strategy_id"])

    async def many(self, person: Person, rows: Rows, symbol: str, count: int) -> list[str]:
        """Create one, and as many as are wanted after it in Postgres; return their ids."""
        first = await self.create(person, symbol)
        made = await rows.fetch(_AFTER_IT, first, count - 1)
        return [first, *(str(row["strategy_id"]) for row in made)]

    async def start(self, person: Person, strategy_id: str) -> float:
        """START; return the seconds it took."""
        began = time.monotonic()
        started = await self._post(person, "/strategy/start", {"strategy_id": strategy_id})
        assert started["status"] == "running", started
        person.started.append(strategy_id)
        return time.monotonic() - began

    async def read(self, person: Person, strategy_id: str) -> bool:
        """GET one strategy; tell whether it came."""
        async with self._http.get(f"/strategy/{strategy_id}", headers=person.headers) as answer:
            return answer.status == 200 and strategy_id.encode() in await answer.read()

    async def _log_in(self, person: Person, path: str) -> None:
        tokens = await self._post(person, path, person.words)
        person.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    async def _post(self, person: Person, path: str, message: object) -> Any:
        async with self._http.post(path, json=message, headers=person.headers) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"{path}: {answer.status} {await answer.text()}")
            return await answer.json(content_type=None)


async def measure(
    count: int = 10_000, *, home: Path | None = None, hold: Callable[[Product], Awaitable[None]] | None = None
) -> dict[str, Any]:
    """Start `count` strategies that wait, and return the figures of issue C's table.

    `sleepers`; `sleepers_parts` and `empty_parts`: `{part: {cpu_percent, memory_mb}}`, idle, with and without
    them; `worker_mb`, `idle_cpu_percent` (the worker's); `start_p50_ms`, `start_p99_ms` at 20 a second with
    all of them there, `first_start_…` before the first; `read_p50_ms`, `read_p99_ms` at 300 a second.
    `hold` may look at the machine before it is taken down.
    """
    with tempfile.TemporaryDirectory(prefix="stopwatch-sleepers-") as made:
        product = Product.start(home or Path(made))
        try:
            await product.ready()
            connector = aiohttp.TCPConnector(limit=200)
            async with aiohttp.ClientSession(product.endpoints["api"], connector=connector) as http:
                rows = await asyncpg.connect(product.endpoints["postgres"])
                figures = await _figures(product, Sleepers(product, http), rows, count)
                await rows.close()
            if hold is not None:
                await hold(product)
        finally:
            await product.end()
    return figures


async def _figures(product: Product, crowd: Sleepers, rows: Rows, count: int) -> dict[str, Any]:
    await crowd.join(USERS)
    parts = parts_of(product.endpoints)
    await asyncio.sleep(SETTLES_IN / 2)
    empty = await watched(parts, IDLE_SECONDS)
    first, _ = await _starts(crowd, parts, STARTS)
    began = time.monotonic()
    filling = await fill(crowd, rows, max(count - STARTS, 0))
    filled_in = time.monotonic() - began
    await asyncio.sleep(SETTLES_IN)
    idle = await watched(parts, IDLE_SECONDS)
    await crowd.log_in_again()
    reads, read_cost = await _reads(crowd, parts, READS)
    starts, start_cost = await _starts(crowd, parts, STARTS)
    return {
        "sleepers": count,
        "sleepers_parts": idle,
        "empty_parts": empty,
        "worker_mb": idle["worker"]["memory_mb"],
        "idle_cpu_percent": idle["worker"]["cpu_percent"],
        "filled_per_second": round(len(filling) / filled_in, 1) if filling else None,
        "filling_start_p50_ms": [percentile_ms(part, 0.5) for part in _tenths(filling)],
        **_named("first_start", first),
        **_named("start", starts),
        **_named("read", reads),
        "start_cpu_ms": start_cost,
        "read_cpu_ms": read_cost,
    }


async def fill(crowd: Sleepers, rows: Rows, count: int) -> list[float]:
    """Start `count` strategies as fast as the API takes them; return each START's seconds.

    They are made in Postgres after one of each user's that was created over REST: creating ten thousand is no
    part of any figure.
    """
    each = -(-count // len(crowd.people))
    made = [
        (one, await crowd.many(one, rows, symbol, each)) for one, symbol in zip(crowd.people, cycle(SYMBOLS))
    ]
    places = iter([(person, ids[turn]) for turn in range(each) for person, ids in made][:count])
    taken: list[float] = []

    async def work() -> None:
        for person, strategy_id in places:
            while True:
                try:
                    taken.append(await crowd.start(person, strategy_id))
                    break
                except RuntimeError as refused:  # START is idempotent: what was not confirmed is asked again
                    print(refused, file=sys.stderr)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    return taken


async def _starts(crowd: Sleepers, parts: Parts, count: int) -> tuple[Latencies, dict[str, float]]:
    made = []
    for person, symbol in islice(zip(cycle(crowd.people), cycle(SYMBOLS), strict=False), count):
        made.append((person, await crowd.create(person, symbol)))

    def call(person: Person, strategy_id: str) -> Callable[[], Awaitable[bool]]:
        async def start() -> bool:
            try:
                await crowd.start(person, strategy_id)
            except RuntimeError:
                return False  # an answer, but not the one that was asked for
            return True

        return start

    async with cost_of(parts, count) as cost:
        return await at_rate([call(*one) for one in made], STARTS_A_SECOND), cost


async def _reads(crowd: Sleepers, parts: Parts, count: int) -> tuple[Latencies, dict[str, float]]:
    owned = [(person, strategy_id) for person in crowd.people for strategy_id in person.started]
    calls = [
        (lambda person=person, strategy_id=strategy_id: crowd.read(person, strategy_id))
        for person, strategy_id in islice(cycle(_spread(owned)), count)
    ]
    async with cost_of(parts, count) as cost:
        return await at_rate(calls, READS_A_SECOND), cost


def _spread(owned: Sequence[tuple[Person, str]]) -> list[tuple[Person, str]]:
    """Return all of them in an order that visits all users in turn: no row is read twice in a row."""
    step = 7919  # prime, so every one is visited
    return [owned[number * step % len(owned)] for number in range(len(owned))]


def _tenths(seconds: Sequence[float]) -> list[Sequence[float]]:
    size = max(len(seconds) // 10, 1)
    return [seconds[start : start + size] for start in range(0, len(seconds), size)][:10]


def _named(name: str, found: Latencies) -> dict[str, Any]:
    return {
        f"{name}_p50_ms": found.ms(0.5),
        f"{name}_p99_ms": found.ms(0.99),
        f"{name}_max_ms": found.ms(1),
        f"{name}_failed": found.failed,
    }


def _hours_ahead() -> datetime:
    """Return a moment at least five hours ahead: no run wakes while sleeping runs are measured."""
    return datetime.now(_INDIA) + timedelta(hours=6)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sleepers", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--home", type=Path, help="keep the product's data here")
    parser.add_argument("--hold", action="store_true", help="keep it running until Enter")
    return parser.parse_args()


async def _until_enter(product: Product) -> None:
    print(json.dumps(product.endpoints, indent=1), file=sys.stderr)
    await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asked = _arguments()
    hold = _until_enter if asked.hold else None
    print(json.dumps(asyncio.run(measure(asked.count, home=asked.home, hold=hold)), indent=1))
