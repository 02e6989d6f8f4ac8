"""The mark of a filled cache, in memory."""

from dataclasses import dataclass
from uuid import uuid4

from domain.errors import CacheUnavailable

_WHOLE = "whole"


@dataclass
class MemoryMark:
    """Implements `domain.ports.CacheMark`; `flush` loses it, as a cache does."""

    mark: str = ""
    away: bool = False

    async def stands(self) -> bool:
        self._reach()
        return self.mark == _WHOLE

    async def begin(self) -> str:
        self._reach()
        self.mark = uuid4().hex
        return self.mark

    async def done(self, filling: str) -> None:
        self._reach()
        if self.mark == filling:
            self.mark = _WHOLE

    def flush(self) -> None:
        self.mark = ""

    def _reach(self) -> None:
        if self.away:
            raise CacheUnavailable("Redis did not answer")
