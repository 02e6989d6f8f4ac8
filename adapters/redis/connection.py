"""Connects to Redis, and says in the domain's own error that it does not answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from domain.errors import CacheUnavailable
from domain.part_refusal import PartRefusal, refused

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


_REFUSALS = {
    "MISCONF": PartRefusal.DISK,
    "OOM": PartRefusal.MEMORY,
    "READONLY": PartRefusal.READ_ONLY,
}
"""By the code that begins the server's error."""
PROBE = "stopwatch:probe"
PROBE_LASTS_MS = 60_000


def once_more_when_closed() -> Retry:
    """Return the retry of a connection that died with the last server: one more try at once.

    A slow answer is not asked for again. The client's own default waits for seconds, which an exit does not
    have.
    """
    return Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))


async def probe(redis: Redis) -> None:
    """Return when Redis answers and takes what is written. Raises `CacheUnavailable`."""
    async with translated_errors():
        await redis.set(PROBE, "1", px=PROBE_LASTS_MS)


@asynccontextmanager
async def translated_errors() -> AsyncIterator[None]:
    """Turn what Redis' client raises into `CacheUnavailable`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise unavailable(error) from error


def unavailable(error: Exception) -> CacheUnavailable:
    """Return our error for one of Redis' client, with the reason where the server refused a write."""
    refusal = _refusal(error)
    if refusal is not None:
        return CacheUnavailable(f"Redis {refused(refusal)}", refusal=refusal)
    return CacheUnavailable(f"Redis did not answer ({type(error).__name__})")


def _refusal(error: Exception) -> PartRefusal | None:
    if isinstance(error, OutOfMemoryError):
        return PartRefusal.MEMORY
    if isinstance(error, AuthenticationError):
        return PartRefusal.LOGIN
    if isinstance(error, ReadOnlyError):
        return PartRefusal.READ_ONLY
    words = str(error).split(maxsplit=1) if isinstance(error, ResponseError) else ()
    return _REFUSALS.get(words[0].lstrip("-")) if words else None
