"""The turns to read accounts, and what was found, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from domain.account_alerts import difference_line, noted
from domain.account_state import AccountState, Claim, Finding, Shown, WaitingEntry
from domain.account_watch import APART
from domain.errors import StoreUnavailable
from domain.ports import Clock, ReadTurn

HELD_FOR = 25.0
Account = tuple[UUID, str]


@dataclass
class Row:
    """When an account is read next, and what its last reading left."""

    next_at: float
    number: int = 0
    taken_until: float = 0.0
    tried_at: float = float("-inf")
    foreign_at: float = float("-inf")
    failed_since: float | None = None
    told: bool = False
    shown: Mapping[UUID, Shown] = field(default_factory=dict)


@dataclass
class MemoryAccountReads:
    """Implements `domain.ports.AccountReads`. A test sets what strategies hold, in `states`."""

    clock: Clock
    states: dict[Account, AccountState] = field(default_factory=dict)
    rows: dict[Account, Row] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    baselines: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    unread: set[Account] = field(default_factory=set)
    down: bool = False
    own_moves: list[UUID] = field(default_factory=list)

    async def note_holders(self) -> None:
        self._there()
        for account, state in self.states.items():
            if state.is_watched:
                self.rows.setdefault(account, Row(self.clock.monotonic()))

    async def note_entries(self) -> None:
        now = self._there()
        for account, state in self.states.items():
            if state.entries:
                row = self.rows.setdefault(account, Row(now))
                if row.failed_since is None and now - row.tried_at > 2:
                    row.next_at = min(row.next_at, now)

    async def moved(self, user_id: UUID) -> None:
        now = self._there()
        for (whose, _), row in self.rows.items():
            if whose == user_id:
                row.foreign_at, row.next_at = now, min(row.next_at, now)

    async def own_moved(self, user_id: UUID) -> None:
        self._there()
        self.own_moves.append(user_id)

    async def take(self, most: int) -> Sequence[ReadTurn]:
        now = self._there()
        due = [account for account, row in self.rows.items() if self._is_due(row, now)]
        return [self._taken(account, now) for account in due[:most]]

    async def state(self, turn: ReadTurn) -> AccountState:
        self._there()
        return self.states.get((turn.user_id, turn.account), AccountState())

    async def note(self, claim: Claim, finding: Finding) -> None:
        self._there()
        for account, state in self.states.items():
            for known in state.claims:
                same = (known.strategy_id, known.start_id, known.held)
                if same == (claim.strategy_id, claim.start_id, claim.held):
                    self._write(account, known, claim, finding)

    def _write(self, account: Account, known: Claim, claim: Claim, finding: Finding) -> None:
        new, state = noted(claim, finding), self.states[account]
        if new == known.noted:
            return
        written = tuple(replace(one, noted=new) if one is known else one for one in state.claims)
        self.states[account] = replace(state, claims=written)
        if (line := difference_line(claim, finding)) is not None:
            self.lines.append(line)

    async def note_baseline(self, entry: WaitingEntry, shares: int, holdings: int) -> None:
        self._there()
        for account, state in self.states.items():
            if entry.key in [one.key for one in state.entries]:
                self.baselines.setdefault(entry.key.strategy_id, (shares, holdings))
                left = tuple(one for one in state.entries if one.key != entry.key)
                self.states[account] = replace(state, entries=left)

    async def note_unread(self, turn: ReadTurn) -> None:
        self._there()
        self.unread.add((turn.user_id, turn.account))

    async def was_read(self, turn: ReadTurn, unsettled: Mapping[UUID, Shown], again: timedelta) -> None:
        now = self._there()
        if (row := self._mine(turn)) is None:
            return
        self.unread.discard((turn.user_id, turn.account))
        row.taken_until, row.failed_since, row.told, row.shown = 0.0, None, False, unsettled
        row.next_at = now if row.foreign_at > row.tried_at else now + again.total_seconds()

    async def failed(
        self, turn: ReadTurn, why: str, unsettled: Mapping[UUID, Shown], again: timedelta, *, told: bool
    ) -> None:
        now = self._there()
        if (row := self._mine(turn)) is None:
            return
        row.failed_since = row.tried_at if row.failed_since is None else row.failed_since
        row.taken_until, row.told, row.shown = 0.0, told, unsettled
        row.next_at = now + again.total_seconds()

    async def leave(self, turn: ReadTurn) -> None:
        self._there()
        if self._mine(turn) is not None:
            del self.rows[turn.user_id, turn.account]

    def _there(self) -> float:
        if self.down:
            raise StoreUnavailable("Postgres did not answer")
        return self.clock.monotonic()

    def _is_due(self, row: Row, now: float) -> bool:
        return row.next_at <= now and row.taken_until <= now and now - row.tried_at >= APART.total_seconds()

    def _taken(self, account: Account, now: float) -> ReadTurn:
        row = self.rows[account]
        row.number, row.tried_at, row.taken_until = row.number + 1, now, now + HELD_FOR
        failing = None if row.failed_since is None else timedelta(seconds=now - row.failed_since)
        return ReadTurn(*account, row.number, now, row.shown, failing, row.told)

    def _mine(self, turn: ReadTurn) -> Row | None:
        row = self.rows.get((turn.user_id, turn.account))
        return row if row is not None and row.number == turn.number else None
