"""The days of accounts, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from domain.account_day import AccountDay, Breach, WrittenBreach
from domain.day_round import DayRound
from domain.errors import StoreUnavailable
from domain.limits import LimitName, Limits, ToSell
from domain.ports import Clock

LEASE = timedelta(seconds=4)
Key = tuple[UUID, date, LimitName]


@dataclass
class MemoryAccountDays:
    """Implements `domain.ports.AccountDays`. A test sets limits, rounds and runs; `down` does not answer."""

    clock: Clock
    limits: dict[UUID, Limits] = field(default_factory=dict)
    rounds: dict[UUID, tuple[DayRound, ...]] = field(default_factory=dict)
    runs: dict[UUID, tuple[ToSell, ...]] = field(default_factory=dict)
    breaches: dict[Key, Breach] = field(default_factory=dict)
    lines: dict[UUID, list[str]] = field(default_factory=dict)
    """The timeline of each strategy."""
    down: bool = False
    _told: set[Key] = field(default_factory=set)
    _said: set[tuple[UUID, Key]] = field(default_factory=set)
    _gaps: set[UUID] = field(default_factory=set)
    _leader: str = ""
    _until: datetime | None = None

    async def lead(self, worker: str) -> bool:
        now = self._there()
        if self._leader != worker and self._until is not None and self._until > now:
            return False
        self._leader, self._until = worker, now + LEASE
        return True

    async def days(self, day: date) -> Sequence[AccountDay]:
        self._there()
        judged = {
            user_id: limits
            for user_id, limits in self.limits.items()
            if limits.daily_loss is not None or limits.daily_profit is not None
        }
        return [
            AccountDay(
                user_id,
                day,
                limits,
                self.rounds.get(user_id, ()),
                frozenset(limit for whose, of, limit in self.breaches if (whose, of) == (user_id, day)),
                user_id in self._gaps,
            )
            for user_id, limits in judged.items()
        ]

    async def breach(self, user_id: UUID, day: date, breach: Breach) -> datetime | None:
        now = self._there()
        key = user_id, day, breach.limit
        if key in self.breaches:
            return None
        self.breaches[key] = replace(breach, at=now)
        return now

    async def open_gap(self, user_id: UUID) -> bool:
        self._there()
        new = user_id not in self._gaps
        self._gaps.add(user_id)
        return new

    async def end_gap(self, user_id: UUID) -> None:
        self._there()
        self._gaps.discard(user_id)

    async def untold(self) -> Sequence[WrittenBreach]:
        self._there()
        return [
            WrittenBreach(key[0], key[1], breach, self.runs.get(key[0], ()))
            for key, breach in self.breaches.items()
            if key not in self._told
        ]

    async def tell(self, written: WrittenBreach, text: str) -> None:
        self._there()
        for one in written.runs:
            once = one.strategy_id, _key(written)
            if once not in self._said:
                self.lines.setdefault(one.strategy_id, []).append(text)
            self._said.add(once)

    async def told(self, written: WrittenBreach) -> None:
        self._there()
        self._told.add(_key(written))

    def _there(self) -> datetime:
        if self.down:
            raise StoreUnavailable("Postgres did not answer")
        return self.clock.now()


def _key(written: WrittenBreach) -> Key:
    return written.user_id, written.day, written.breach.limit
