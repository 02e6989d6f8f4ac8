"""Stores the runtime state in Redis or Valkey, with the seed's keys. No order is decided by it.

    strategy:{id}               hash  symbol, buy_time, sell_time, stop_loss, quantity, status, user_id
    runtime:{id}                hash  position, last_price, lock_state, last_buy_order, last_sell_order
    symbol:{symbol}:strategies  set   ids; other exchanges than NSE: symbol:BSE:TCS:strategies

`stop_loss` is the price at which the stop stands now: the worker writes the one that was given, the listener
where it has moved to since. An unknown value is an empty string. `lock_state` is `false`, or `owner|epoch
milliseconds of expiry`.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis

from adapters.redis.connection import ANSWER_SECONDS, once_more_when_closed, probe, translated_errors
from adapters.redis.keys import cached_runtime_key, runtime_key, strategy_key, symbol_key
from domain.money import price_of
from domain.ports import RuntimeUpdate
from domain.session import clock_text
from domain.strategy import Position, Status, Strategy

BATCH = 500
"""Keys per script call: Redis serves no other client while a script runs."""
CONNECTIONS = 16
CONNECTION_SECONDS = 3.0
"""How long a crowd may take: waiting behind others says nothing about Redis."""
LONGEST_LOCK_MS = 60_000
"""No lock lasts longer; `execution.runtime_lock` takes ten seconds."""
FREE = "false"
_FRESH_RUNTIME = {"last_price": "", "lock_state": FREE, "last_buy_order": "", "last_sell_order": ""}

_UPDATE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
"""
# ARGV: the key that is written and the stop, again and again. That key is not declared, since the server
# would want the right to read it: the listener, which calls this, may write these keys and not read them.
_SET_STOPS = """
for at = 1, #KEYS do
  if redis.call('EXISTS', KEYS[at]) == 1 then
    redis.call('HSET', ARGV[2 * at - 1], 'stop_loss', ARGV[2 * at])
  end
end
"""
# ARGV: how many keys in a row have a price, and the price, again and again.
_SET_PRICES = """
local at = 0
for i = 1, #ARGV, 2 do
  for _ = 1, ARGV[i] do
    at = at + 1
    if redis.call('EXISTS', KEYS[at]) == 1 then redis.call('HSET', KEYS[at], 'last_price', ARGV[i + 1]) end
  end
end
"""
_DIFFERING = """
local found = {}
for i = 1, #KEYS do
  if redis.call('HGET', KEYS[i], 'position') ~= ARGV[i] then found[#found + 1] = i end
end
return found
"""
# The server's own clock decides about an expiry: hosts disagree. Without the key (flushed, stopped) the lock
# is granted and nothing is written: the lock only spares work, and a stopped strategy must not come back. An
# expiry further ahead than any lock lasts was not written by this script and does not count.
_LOCK = """
local state = redis.call('HGET', KEYS[1], 'lock_state')
if not state then return 1 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local owner, expires = string.match(state, '^(.*)|(%d+)$')
local left = owner and tonumber(expires) - now or 0
if owner and owner ~= ARGV[1] and left > 0 and left <= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'lock_state', ARGV[1] .. '|' .. string.format('%.0f', now + ARGV[2]))
return 1
"""
_UNLOCK = """
local state = redis.call('HGET', KEYS[1], 'lock_state')
if state and string.match(state, '^(.*)|%d+$') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'lock_state', 'false')
end
"""


class RedisRuntimeCache:
    """Implements `domain.ports.RuntimeCache`; methods raise `CacheUnavailable` when Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._update = redis.register_script(_UPDATE)
        self._set_prices = redis.register_script(_SET_PRICES)
        self._set_stops = redis.register_script(_SET_STOPS)
        self._differing = redis.register_script(_DIFFERING)
        self._lock = redis.register_script(_LOCK)
        self._unlock = redis.register_script(_UNLOCK)

    @classmethod
    def connect(cls, url: str) -> "RedisRuntimeCache":
        """Return a cache on `redis://host:port/db`; connects when first used."""
        pool = BlockingConnectionPool.from_url(
            url,
            decode_responses=True,
            # A thousand strategies that start in one second wait for a connection; the plain pool refuses.
            max_connections=CONNECTIONS,
            timeout=CONNECTION_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=once_more_when_closed(),
        )
        return cls(Redis.from_pool(pool))

    async def close(self) -> None:
        await self._redis.aclose()

    async def ping(self) -> None:
        """Return when Redis answers and takes what is written."""
        await probe(self._redis)

    async def load(self, strategy: Strategy, status: Status, position: Position) -> None:
        """Create the strategy's keys in one transaction.

        A strategy without shares starts fresh; one that holds shares keeps the values that exist.
        """
        runtime = runtime_key(strategy.strategy_id)
        async with translated_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(strategy_key(strategy.strategy_id), mapping=_strategy_fields(strategy, status))
            if position is Position.NONE:
                pipe.delete(runtime)
            pipe.hset(runtime, "position", position.value)
            for field, value in _FRESH_RUNTIME.items():
                pipe.hsetnx(runtime, field, value)
            pipe.sadd(symbol_key(strategy.exchange, strategy.symbol), str(strategy.strategy_id))
            await pipe.execute()

    async def update(self, strategy_id: UUID, update: RuntimeUpdate) -> None:
        """Set fields of `runtime:{id}` where that key exists."""
        fields = _runtime_fields(update)
        if fields:
            async with translated_errors():
                await self._update(keys=[runtime_key(strategy_id)], args=fields)

    async def set_last_prices(self, prices: Mapping[UUID, Decimal]) -> None:
        """Set many last prices, where their keys exist; cheapest when strategies of a symbol are adjacent.

        Batches are sent one after another, so that the caller's ticks are processed in between.
        """
        rows = iter(prices.items())
        async with translated_errors():
            while batch := list(islice(rows, BATCH)):
                args: list[str | int] = []
                for price, run in groupby(batch, key=itemgetter(1)):
                    args += [sum(1 for _ in run), format(price, "f")]
                await self._set_prices(
                    keys=[cached_runtime_key(strategy_id) for strategy_id, _ in batch], args=args
                )

    async def set_stops(self, stops: Mapping[UUID, Decimal]) -> None:
        """Set `stop_loss` of many strategies, where their keys exist."""
        rows = iter(stops.items())
        async with translated_errors():
            while batch := list(islice(rows, BATCH)):
                written = [(strategy_key(strategy_id), format(stop, "f")) for strategy_id, stop in batch]
                await self._set_stops(
                    keys=[cached_runtime_key(strategy_id) for strategy_id, _ in batch],
                    args=[*chain.from_iterable(written)],
                )

    async def last_prices(self, strategy_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
        """Return the last prices that are known; a strategy without one is absent."""
        ids = list(strategy_ids)
        async with translated_errors(), self._redis.pipeline(transaction=False) as pipe:
            for strategy_id in ids:
                pipe.hget(runtime_key(strategy_id), "last_price")
            texts = await pipe.execute()
        prices = ((strategy_id, price_of(text)) for strategy_id, text in zip(ids, texts, strict=True))
        return {strategy_id: price for strategy_id, price in prices if price is not None}

    async def drop(self, strategy: Strategy) -> None:
        """Delete the strategy's keys in one transaction."""
        async with translated_errors(), self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(strategy_key(strategy.strategy_id), runtime_key(strategy.strategy_id))
            pipe.srem(symbol_key(strategy.exchange, strategy.symbol), str(strategy.strategy_id))
            await pipe.execute()

    async def differing(self, positions: Mapping[UUID, Position]) -> frozenset[UUID]:
        """Return the strategies without `runtime:{id}`, and those whose position there is another one."""
        ids = list(positions)
        if not ids:
            return frozenset()
        async with translated_errors():  # one question for all of them, since nearly always none differs
            found = await self._differing(
                keys=[runtime_key(strategy_id) for strategy_id in ids],
                args=[positions[strategy_id].value for strategy_id in ids],
            )
        return frozenset(ids[number - 1] for number in found)

    async def lock(self, strategy_id: UUID, owner: str, seconds: float) -> bool:
        """Take `lock_state` for `owner`; True when it is held now, and when there is no state to lock."""
        async with translated_errors():
            taken = await self._lock(
                keys=[runtime_key(strategy_id)],
                args=[owner, min(int(seconds * 1000), LONGEST_LOCK_MS), LONGEST_LOCK_MS],
            )
        return bool(taken)

    async def unlock(self, strategy_id: UUID, owner: str) -> None:
        """Release the lock if `owner` still has it."""
        async with translated_errors():
            await self._unlock(keys=[runtime_key(strategy_id)], args=[owner])


def _strategy_fields(strategy: Strategy, status: Status) -> Mapping[Any, Any]:
    return {
        "symbol": strategy.symbol,
        "buy_time": clock_text(strategy.buy_time),
        "sell_time": clock_text(strategy.sell_time),
        "stop_loss": "" if strategy.stop_loss is None else format(strategy.stop_loss, "f"),
        "quantity": "" if strategy.quantity is None else strategy.quantity,
        "status": status.value,
        "user_id": str(strategy.user_id),
    }


def _runtime_fields(update: RuntimeUpdate) -> list[str]:
    values = {
        "position": update.position and update.position.value,
        "last_price": None if update.last_price is None else format(update.last_price, "f"),
        "last_buy_order": update.last_buy_order,
        "last_sell_order": update.last_sell_order,
    }
    return [word for field, value in values.items() if value is not None for word in (field, value)]
