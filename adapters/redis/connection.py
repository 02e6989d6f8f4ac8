"""Connects Redis' small readers and writers, and says in our own error that it does not answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from domain.errors import CacheUnavailable


def connect(url: str, answer_seconds: float, retry: Retry | None = None) -> Redis:
    """Return a client of `redis://host:port/db` that connects when first used and tries once more."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=answer_seconds,
        socket_connect_timeout=answer_seconds,
        retry=retry or Retry(NoBackoff(), 1),
    )


@asynccontextmanager
async def translated_errors() -> AsyncIterator[None]:
    """Turn what Redis' client raises into `CacheUnavailable`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise CacheUnavailable(f"Redis did not answer ({type(error).__name__})") from error
