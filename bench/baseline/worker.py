"""The execution engine: one process that takes events from the queue and places the orders."""

import asyncio
import json
import logging
from typing import Any

import asyncpg
import requests
import uvloop
from kiteconnect import KiteConnect
from kiteconnect.exceptions import KiteException
from redis.asyncio import Redis

from bench.baseline.house import BLOCK_SECONDS, QUEUE, Addresses, Strategy, say_ready

log = logging.getLogger("engine")

ATTEMPTS = 3


class Engine:
    """Carries out one event after the other."""

    def __init__(self, redis: Any, database: "asyncpg.Pool[asyncpg.Record]", kite_root: str) -> None:
        self._redis = redis
        self._database = database
        self._kite_root = kite_root
        # One warm session for all accounts: the tokens are headers, the connection is the same.
        self._session = requests.Session()
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
        pipe = self._redis.pipeline(transaction=False)
        found, runtime = (
            await pipe.hgetall(f"strategy:{strategy_id}").hgetall(f"runtime:{strategy_id}").execute()
        )
        wanted = "none" if kind == "BUY" else "bought"
        if not found or runtime.get("lock_state") != "false" or runtime.get("position") != wanted:
            log.info("%s of %s ignored: %s", kind, strategy_id, runtime)
            return
        await self._redis.hset(f"runtime:{strategy_id}", "lock_state", "true")
        strategy = Strategy.read(found)
        order_id, error = await self._place(strategy, "BUY" if kind == "BUY" else "SELL")
        if order_id is None:
            await self._stop(strategy)
        elif kind == "BUY":
            told = {"position": "bought", "last_buy_order": order_id, "lock_state": "false"}
            await self._redis.hset(f"runtime:{strategy_id}", mapping=told)
        else:
            await self._stop(strategy)
        await self._database.execute(
            "INSERT INTO order_log (strategy_id, user_id, event, order_id, error) "
            "VALUES ($1, $2, $3, $4, $5)",
            *(strategy_id, strategy.user_id, kind, order_id, error),
        )

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
            row = await self._database.fetchrow(
                "SELECT api_key, access_token FROM broker_keys WHERE user_id = $1", user_id
            )
            assert row is not None
            kite = KiteConnect(row["api_key"], row["access_token"], root=self._kite_root)
            kite.reqsession = self._session
            self._kites[user_id] = kite
        return kite

    async def _stop(self, strategy: Strategy) -> None:
        await self._database.execute(
            "UPDATE strategies SET status = 'stopped' WHERE strategy_id = $1", strategy.strategy_id
        )
        pipe = self._redis.pipeline(transaction=False)
        pipe.delete(strategy.key, f"runtime:{strategy.strategy_id}")
        pipe.srem(f"symbol:{strategy.symbol}:strategies", strategy.strategy_id)
        await pipe.execute()


async def serve() -> None:
    addresses = Addresses.of_environment()
    redis: Any = Redis.from_url(addresses.redis, decode_responses=True)
    async with asyncpg.create_pool(addresses.database, min_size=2, max_size=4) as database:
        await redis.ping()
        say_ready()
        await Engine(redis, database, addresses.kite).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
