"""The ISINs of shares, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from domain.errors import StoreUnavailable
from domain.held_shares import Share
from domain.isin import SeenIsin


@dataclass
class MemoryIsins:
    """Implements `domain.ports.Isins`. `writes` counts the calls that noted something."""

    seen: dict[tuple[Share, str], SeenIsin] = field(default_factory=dict)
    down: bool = False
    writes: int = 0

    async def learn(self, seen: Mapping[Share, str], day: date) -> None:
        if self.down:
            raise StoreUnavailable("Postgres did not answer")
        self.writes += 1
        for share, isin in seen.items():
            known = self.seen.get((share, isin), SeenIsin(isin, day, day))
            self.seen[share, isin] = SeenIsin(isin, min(known.first_seen, day), max(known.last_seen, day))

    def of(self, share: Share) -> list[SeenIsin]:
        return [one for (whose, _), one in self.seen.items() if whose == share]
