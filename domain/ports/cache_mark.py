"""Tells whether the cache is still the one that was filled."""

from typing import Protocol


class CacheMark(Protocol):
    """A mark in the cache that is lost when the cache is. Raises `CacheUnavailable`."""

    async def stands(self) -> bool:
        """Tell whether this is the cache that was filled last: not flushed, restarted, or another one."""
        ...

    async def begin(self) -> str:
        """Mark the cache as being filled; return the token that `done` needs."""
        ...

    async def done(self, filling: str) -> None:
        """Set the mark, unless the cache was flushed, or filled by another process, since `begin`."""
        ...
