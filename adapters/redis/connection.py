"""Connects to Redis, and says in the domain's own error that it does not answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError

from domain.errors import CacheUnavailable

ANSWER_SECONDS = 1.0
"""Redis answers in less than a millisecond or is in trouble; no order waits for it."""


def connect(url: str, answer_seconds: float, retry: Retry | None = None) -> Redis:
    """Return a client of `redis://host:port/db` that connects when first used and tries once more."""
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=answer_seconds,
        socket_connect_timeout=answer_seconds,
        retry=retry or Retry(NoBackoff(), 1),
    )


def once_more_when_closed() -> Retry:
    """Return the retry of a connection that died with the last server: one more try at once.

    A slow answer is not asked for again. The client's own default waits for seconds, which an exit does not
    have.
    """
    return Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))


@asynccontextmanager
async def translated_errors() -> AsyncIterator[None]:
    """Turn what Redis' client raises into `CacheUnavailable`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise CacheUnavailable(f"Redis did not answer ({type(error).__name__})") from error
