"""Which rounds the broker's charges were compared with, in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from domain.charge_check import AGAIN, TRIES, AccountRounds
from domain.errors import StoreUnavailable
from domain.finished_round import FinishedRound, RoundKey
from domain.ports import Clock


@dataclass
class Tried:
    """How often a round was tried, when last, and what it came to."""

    times: int = 0
    at: float = float("-inf")
    agrees: bool | None = None


@dataclass
class MemoryChargeChecks:
    """Implements `domain.ports.ChargeChecks`. A test adds finished rounds with `add`."""

    clock: Clock
    books: dict[UUID, list[FinishedRound]] = field(default_factory=dict)
    tried: dict[RoundKey, Tried] = field(default_factory=dict)
    down: bool = False

    def add(self, user_id: UUID, *rounds: FinishedRound) -> None:
        self.books.setdefault(user_id, []).extend(rounds)

    async def take(self, day: date, most: int) -> Sequence[AccountRounds]:
        self._there()
        found: list[AccountRounds] = []
        for user_id, rounds in self.books.items():
            for account in sorted({one.account for one in rounds}):
                of_day = tuple(one for one in rounds if one.account == account and day in one.days)
                keys = {one.key for one in of_day if one.days[-1] == day and self._is_due(one.key)}
                if keys and len(found) < most:
                    found.append(AccountRounds(user_id, account, day, of_day, frozenset(keys)))
        for key in {key for one in found for key in one.unchecked}:
            tried = self.tried.setdefault(key, Tried())
            tried.times, tried.at = tried.times + 1, self.clock.monotonic()
        return found

    async def differed(self, day: date) -> bool:
        self._there()
        keys = {one.key for rounds in self.books.values() for one in rounds if one.days[-1:] == (day,)}
        return any(self.tried[key].agrees is False for key in keys & self.tried.keys())

    async def write(self, keys: Collection[RoundKey], *, agrees: bool) -> None:
        self._there()
        for key in keys:
            self.tried.setdefault(key, Tried()).agrees = agrees

    def _is_due(self, key: RoundKey) -> bool:
        tried = self.tried.get(key, Tried())
        again = self.clock.monotonic() - tried.at > AGAIN.total_seconds()
        return tried.agrees is None and tried.times < TRIES and again

    def _there(self) -> None:
        if self.down:
            raise StoreUnavailable("Postgres did not answer")
