"""The same loads on the baseline: single orders, the second of a thousand, one tick on a thousand stops."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import create_async_engine

from bench.baseline.house import QUEUE, STARTED_LISTENER, STARTED_SCHEDULER, Addresses, Strategy
from bench.baseline.tables import metadata
from bench.crowd import BELOW, PRICE, STOP, SYMBOL, after, first_received, tick_of
from bench.people import People
from bench.spread import Samples
from local import probes, valkey
from local import processes as rooms
from local.data_dir import DataDir
from local.ports import HeldPort
from local.postgres import EmbeddedPostgres
from local.process_spec import ProcessSpec
from local.supervisor import Supervisor

AHEAD = 4.0
QUEUE_EMPTY_WITHIN = 60.0
SELL_AHEAD = 3600.0
PROCESSES = ("scheduler", "worker", "listener")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the baseline came to; milliseconds, as the product's own figures are taken."""

    single_entry: Samples
    single_stop: Samples
    entry: Samples
    burst: Samples


@dataclass(slots=True)
class House:
    """The running baseline and its users."""

    people: People
    database: "asyncpg.Connection[asyncpg.Record]"
    redis: Any

    async def move_in(self, count: int) -> list[str]:
        """Open so many paper accounts; return their users."""
        accounts = [await self.people.account() for _ in range(count)]
        rows = [(one["user_id"], one["api_key"], one["access_token"]) for one in accounts]
        await self.database.executemany("INSERT INTO broker_keys VALUES ($1, $2, $3)", rows)
        return [one["user_id"] for one in accounts]

    async def start(self, strategies: Sequence[Strategy]) -> None:
        """START: Postgres, the runtime keys, the timers, the listener."""
        await self.database.executemany(
            "INSERT INTO strategies VALUES ($1, $2, $3, $4, $5, $6, $7, 'running')",
            [tuple(asdict(one).values()) for one in strategies],
        )
        pipe = self.redis.pipeline(transaction=False)
        for one in strategies:
            pipe.hset(one.key, mapping=asdict(one) | {"status": "running"})
            pipe.hset(f"runtime:{one.strategy_id}", mapping={"position": "none", "lock_state": "false"})
            pipe.sadd(f"symbol:{one.symbol}:strategies", one.strategy_id)
            pipe.rpush(STARTED_SCHEDULER, one.strategy_id)
            pipe.rpush(STARTED_LISTENER, one.strategy_id)
        await pipe.execute()


async def measured(home: Path, accounts: int, symbols: Sequence[str], tell: Tell) -> Baseline:
    """Run the baseline on `home` and put every load on it."""
    home.mkdir(parents=True)  # noqa: ASYNC240 - nothing waits for it
    async with running(home) as house:
        tell("single orders, a second apart")
        single_entry, single_stop = await _alone(house, symbols)
        tell(f"{accounts} BUYs in one second")
        entry, users = await _enter(house, accounts)
        tell(f"one tick on {sum(value is not None for value in entry)} stops")
        burst = await _fall(house, users)
        return Baseline(single_entry, single_stop, entry, burst)


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[House]:
    """Start Postgres, Valkey, the paper exchange and the three processes on `home`."""
    data, said = DataDir(home), home / "supervisor.log"
    supervisor = Supervisor(lambda text: _note(said, text))
    ports = [HeldPort.free() for _ in range(3)]
    try:
        where, paper = await _servers(supervisor, data, [port.number for port in ports])
        async with People.on("", paper) as people:
            feed = await people.account()
            addresses = Addresses(*where, feed["api_key"], feed["access_token"])
            database = await asyncpg.connect(addresses.database)
            redis = Redis.from_url(addresses.redis, decode_responses=True)
            try:
                await _schema(addresses.database)
                for name in PROCESSES:
                    await supervisor.start(_part(name, data, addresses))
                yield House(people, database, redis)
            finally:
                await database.close()
                await redis.aclose()
    finally:
        await supervisor.stop()
        for port in ports:
            port.release()


async def _servers(
    supervisor: Supervisor, data: DataDir, ports: Sequence[int]
) -> tuple[tuple[str, str, str, str], str]:
    """Start what the product's own `up` starts, with the same options."""
    environment = dict(os.environ)
    postgres = EmbeddedPostgres(data, ports[0], secrets.token_hex(16), environment)
    await supervisor.start(await postgres.prepared())
    await supervisor.start(valkey.spec(data, ports[1], environment))
    await supervisor.start(rooms.paper(data, ports[2], environment))
    paper = f"http://127.0.0.1:{ports[2]}"
    where = postgres.url(), f"redis://127.0.0.1:{ports[1]}/0", paper, paper.replace("http", "ws", 1)
    return where, paper


async def _schema(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


def _part(name: str, data: DataDir, addresses: Addresses) -> ProcessSpec:
    mark = data.directory("ready") / name
    # Without -P, unlike the rooms: this is run where the repository is.
    return ProcessSpec(
        name=name,
        command=(sys.executable, "-m", f"bench.baseline.{name}"),
        log=data.log(name),
        ready=lambda: probes.file_says_ready(mark),
        environment={**os.environ, **addresses.environment(), "BASELINE_READY": str(mark)},
        ready_file=mark,
    )


async def _alone(house: House, symbols: Sequence[str]) -> tuple[Samples, Samples]:
    users = await house.move_in(len(symbols))
    for symbol in symbols:
        await house.people.price(symbol, PRICE)
    first = float(int(time.time() + AHEAD))
    dues = [first + number for number in range(len(users))]
    await house.start([_strategy(*one) for one in zip(users, symbols, dues, strict=True)])
    await asyncio.sleep(dues[-1] + 2 - time.time())
    bought = await _received(house, "BUY", first)
    ticks = []
    for symbol in symbols:
        ticks.append(await _tick(house, symbol))
        await asyncio.sleep(1)
    sold = await _received(house, "SELL", first)
    return (
        [after(bought.get(user), due) for user, due in zip(users, dues, strict=True)],
        [after(sold.get(user), tick) for user, tick in zip(users, ticks, strict=True)],
    )


async def _enter(house: House, count: int) -> tuple[Samples, list[str]]:
    users = await house.move_in(count)
    await house.people.price(SYMBOL, PRICE)
    due = float(int(time.time() + AHEAD + count * 0.005))
    await house.start([_strategy(user, SYMBOL, due) for user in users])
    await asyncio.sleep(max(0, due + 1 - time.time()))
    await _drained(house)
    received = await _received(house, "BUY", due - 1)
    return [after(received.get(user), due) for user in users], [user for user in users if user in received]


async def _fall(house: House, users: Sequence[str]) -> Samples:
    await asyncio.sleep(2)
    tick_at = await _tick(house, SYMBOL)
    await asyncio.sleep(1)
    await _drained(house)
    received = await _received(house, "SELL", tick_at)
    return [after(received.get(user), tick_at) for user in users]


async def _drained(house: House) -> None:
    """Wait until the queue is empty, and what was taken from it last is done."""
    until = time.monotonic() + QUEUE_EMPTY_WITHIN
    while await house.redis.llen(QUEUE) and time.monotonic() < until:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.5)
    await asyncio.sleep(0.5)


async def _tick(house: House, symbol: str) -> float:
    return tick_of(await house.people.price(symbol, BELOW))


async def _received(house: House, side: str, since: float) -> dict[str, float]:
    return first_received(await house.people.ledger(), side, since)


def _strategy(user_id: str, symbol: str, due: float) -> Strategy:
    return Strategy(uuid4().hex, user_id, symbol, due, due + SELL_AHEAD, STOP, 1)


def _note(path: Path, text: str) -> None:
    with path.open("a") as log:
        log.write(text + "\n")
