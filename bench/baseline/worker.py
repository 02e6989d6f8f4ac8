"""The execution engine: one process that takes events from the queue and places the orders."""

import asyncio
import json
import logging
from typing import Any

import requests
import uvloop
from kiteconnect import KiteConnect
from kiteconnect.exceptions import KiteException
from redis.asyncio import Redis
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bench.baseline.house import BLOCK_SECONDS, QUEUE, Addresses, Strategy, say_ready
from bench.baseline.tables import broker_keys, order_log, strategies

log = logging.getLogger("engine")

ATTEMPTS = 3


class Engine:
    """Carries out one event after the other."""

    def __init__(self, redis: Any, database: AsyncEngine, kite_root: str) -> None:
        self._redis = redis
        self._database = database
        self._kite_root = kite_root
        # A client for each account, kept with its warm connection.
        self._kites: dict[str, KiteConnect] = {}

    async def run(self) -> None:
        """Take events, for ever."""
        while True:
            taken = await self._redis.blpop([QUEUE], BLOCK_SECONDS)
            if taken is None:
                continue
            event = json.loads(taken[1])
            try:
                await self._carry_out(event["strategy_id"], event["event"])
            except Exception:
                log.exception("%s failed", event)

    async def _carry_out(self, strategy_id: str, kind: str) -> None:
        """Steps 2 to 7 of the seed's execution engine."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(f"strategy:{strategy_id}")
        pipe.hgetall(f"runtime:{strategy_id}")
        found, runtime = await pipe.execute()
        wanted = "none" if kind == "BUY" else "bought"
        if not found or runtime.get("lock_state") != "false" or runtime.get("position") != wanted:
            log.info("%s of %s ignored: %s", kind, strategy_id, runtime)
            return
        await self._redis.hset(f"runtime:{strategy_id}", "lock_state", "true")
        strategy = Strategy.read(found)
        order_id, error = await self._place(strategy, "BUY" if kind == "BUY" else "SELL")
        if order_id is not None:
            position, last = ("bought", "last_buy_order") if kind == "BUY" else ("sold", "last_sell_order")
            await self._redis.hset(f"runtime:{strategy_id}", mapping={"position": position, last: order_id})
        await self._write_down(strategy, kind, order_id, error)
        if order_id is None or kind != "BUY":
            await self._stop(strategy)
        else:
            await self._redis.hset(f"runtime:{strategy_id}", "lock_state", "false")

    async def _place(self, strategy: Strategy, side: str) -> tuple[str | None, str | None]:
        kite = await self._kite(strategy.user_id)
        error = ""
        for _ in range(ATTEMPTS):
            try:
                # Called where it is: the only worker has nothing else to do meanwhile.
                return kite.place_order(
                    variety="regular",
                    exchange="NSE",
                    tradingsymbol=strategy.symbol,
                    transaction_type=side,
                    quantity=strategy.quantity,
                    product="CNC",
                    order_type="MARKET",
                    market_protection=-1,
                ), None
            except (KiteException, requests.RequestException) as failed:
                error = str(failed)
        return None, error

    async def _kite(self, user_id: str) -> KiteConnect:
        kite = self._kites.get(user_id)
        if kite is None:
            query = select(broker_keys).where(broker_keys.c.user_id == user_id)
            async with self._database.connect() as connection:
                row = (await connection.execute(query)).one()
            kite = KiteConnect(row.api_key, row.access_token, root=self._kite_root)
            self._kites[user_id] = kite
        return kite

    async def _write_down(
        self, strategy: Strategy, kind: str, order_id: str | None, error: str | None
    ) -> None:
        row = {
            "strategy_id": strategy.strategy_id,
            "user_id": strategy.user_id,
            "event": kind,
            "order_id": order_id,
            "error": error,
        }
        async with self._database.begin() as connection:
            await connection.execute(insert(order_log).values(row))

    async def _stop(self, strategy: Strategy) -> None:
        stopped = (
            update(strategies)
            .where(strategies.c.strategy_id == strategy.strategy_id)
            .values(status="stopped")
        )
        async with self._database.begin() as connection:
            await connection.execute(stopped)
        pipe = self._redis.pipeline(transaction=False)
        pipe.delete(strategy.key, f"runtime:{strategy.strategy_id}")
        pipe.srem(f"symbol:{strategy.symbol}:strategies", strategy.strategy_id)
        await pipe.execute()


async def serve() -> None:
    addresses = Addresses.of_environment()
    redis: Any = Redis.from_url(addresses.redis, decode_responses=True)
    database = create_async_engine(
        addresses.database.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=4
    )
    await redis.ping()
    say_ready()
    await Engine(redis, database, addresses.kite).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
