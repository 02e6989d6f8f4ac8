"""Holds what the streams of one user share: the newest lines of all timelines, strategies, and prices."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from adapters.postgres.account_events import Stamp
from adapters.postgres.read_models import EventRecord
from adapters.postgres.strategies import StrategyRecord
from api.events.cursor import Place, settled
from api.events.schemas import DeletedOut
from api.http.stream_response import event_text
from api.strategies.event_stream import line_text
from services.auth.tokens import Caller

KEPT = 500
"""Lines that wait for a slow client; beyond that it reads them itself."""


@dataclass(frozen=True, slots=True)
class Line:
    """A timeline line, ready to be sent after its id."""

    event: EventRecord
    text: bytes

    @classmethod
    def of(cls, event: EventRecord) -> "Line":
        return cls(event, line_text(event))


@dataclass(eq=False, slots=True)
class Follower:
    """One stream: what it has not been given yet. Of a strategy and its price only the newest counts."""

    caller: Caller
    place: Place
    wake: Callable[[], None]
    """Called when something waits."""
    lines: deque[Line] = field(default_factory=deque)
    states: dict[UUID, bytes] = field(default_factory=dict)
    prices: dict[UUID, bytes] = field(default_factory=dict)
    behind: bool = True
    """It reads the lines itself: it has just begun, or was too slow."""
    lost: bool = False
    """What it follows has become another: its client is to begin anew."""
    is_reading: bool = False
    """It has begun to read the lines and is not through."""

    def take(self) -> bytes:
        """Return all that waits, as it is sent; empty where nothing does."""
        text = [self.sent(line) for line in self.lines if not self.place.has(line.event.event_id)]
        whole = b"".join([*text, *self.states.values(), *self.prices.values()])
        for waiting in (self.lines, self.states, self.prices):
            waiting.clear()
        return whole

    def sent(self, line: Line) -> bytes:
        """Return a line with the client's place once it has it."""
        place = self.place.add(line.event.event_id, line.event.at)
        return b"id: %s\n%s" % (place.encode(), line.text)

    def tell(self, line: Line) -> None:
        """Have a line wait, unless too many do: then it is read again."""
        if len(self.lines) >= KEPT:
            self.behind = True
            self.lines.clear()
        self.lines.append(line)


@dataclass(eq=False, slots=True)
class Feed:
    """One user's strategies while a stream follows them.

    `floor`: lines up to there are no longer looked for.
    """

    user_id: UUID
    floor: int | None = None
    recent: dict[int, Line] = field(default_factory=dict)
    stamps: dict[UUID, Stamp] = field(default_factory=dict)
    records: dict[UUID, StrategyRecord] = field(default_factory=dict)
    states: dict[UUID, bytes] = field(default_factory=dict)
    last: dict[UUID, Decimal] = field(default_factory=dict)
    prices: dict[UUID, bytes] = field(default_factory=dict)
    followers: set[Follower] = field(default_factory=set)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def add(self, events: Iterable[EventRecord]) -> None:
        """Give new lines to all streams; forget those that have settled."""
        for event in events:
            line = self.recent[event.event_id] = Line.of(event)
            for follower in self.followers:
                follower.tell(line)
                follower.wake()
        floor = settled({one: line.event.at for one, line in self.recent.items()}, self.floor or 0)
        self.floor = floor
        self.recent = {one: line for one, line in self.recent.items() if one > floor}

    def changed(self, strategy_id: UUID, record: StrategyRecord, state: bytes) -> None:
        """Give a strategy's state to all streams, where it is another one."""
        self.records[strategy_id] = record
        if self.states.get(strategy_id) == state:
            return
        self.states[strategy_id] = state
        for follower in self.followers:
            follower.states[strategy_id] = state
            follower.wake()

    def gone(self, strategy_id: UUID) -> None:
        """Tell all streams that a strategy was deleted."""
        for known in (self.records, self.states, self.last, self.prices):
            known.pop(strategy_id, None)
        state = event_text("deleted", DeletedOut(strategy_id=strategy_id))
        for follower in self.followers:
            follower.states[strategy_id] = state
            follower.wake()

    def priced(self, strategy_id: UUID, last: Decimal, price: bytes) -> None:
        """Give a strategy's new price to all streams."""
        self.last[strategy_id], self.prices[strategy_id] = last, price
        for follower in self.followers:
            follower.prices[strategy_id] = price
            follower.wake()
