"""The record of the reconciler's rounds, in memory."""

from dataclasses import dataclass

from domain.errors import StoreUnavailable


@dataclass
class MemoryRounds:
    """Implements `domain.ports.Rounds`: how many have ended. `away` takes no record."""

    ended: int = 0
    away: bool = False

    async def round_ended(self) -> None:
        if self.away:
            raise StoreUnavailable("Postgres does not answer")
        self.ended += 1
