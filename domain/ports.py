"""What the rules need from outside. Adapters implement these; activities are built on them.

Every method that reads or writes outside raises `StoreUnavailable`, `CacheUnavailable` or `BrokerUnavailable`
when its part does not answer: an empty answer always means "there is none", never "I could not look".
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.attention import LeftOver, LoginNeeded
from domain.instrument import Instrument
from domain.limits import ToSell
from domain.login import LoginRequest, LoginResult
from domain.order import Attempt, BrokerOrder, BrokerPosition, LegKey, OrderRequest, OrderTerms, Reason
from domain.outcome import PlaceOutcome
from domain.reconciling import DoubtfulOrder, Owned, RunningRow, Slice
from domain.run import ActivateRun, Activation, Alarm, FinishRun, PhaseChange, RunRef, StartRun
from domain.stoploss import Quote
from domain.strategy import Outcome, Phase, Position, Status, Strategy


class Clock(Protocol):
    """Time from outside, so that a test can own it."""

    def now(self) -> datetime:
        """Return the wall clock's instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow; for deadlines."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    async def sleep_until(self, instant: datetime) -> None:
        """Return at `instant`, not before; at once when it has passed."""
        ...


class Broker(Protocol):
    """One account at the broker. Reads raise `BrokerUnavailable`, `LoginNeeded` or `BrokerRefused`."""

    async def place(self, order: OrderRequest, timeout: float, leave_within: float) -> PlaceOutcome:
        """Send one order, once; never raises for what the broker or the wire does, never retries.

        An order whose first byte has not left within `leave_within` seconds never leaves.
        """
        ...

    async def warm(self) -> None:
        """Have a connection ready on which the next order leaves at once; never raises, asks nothing.

        Worth calling a few seconds before an order is due: a connection that nobody uses is closed again.
        """
        ...

    async def cancel(self, broker_order_id: str) -> None:
        """Ask for a cancellation. Whatever comes back, the order book says what is true."""
        ...

    async def orders(self) -> Sequence[BrokerOrder]:
        """Return today's whole order book."""
        ...

    async def positions(self) -> Sequence[BrokerPosition]:
        """Return today's net positions."""
        ...

    async def free_holdings(self, exchange: str, symbol: str) -> int:
        """Return the shares in the demat account that may be sold today."""
        ...

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by `NSE:TCS`; one the broker has nothing for is absent."""
        ...


class Brokers(Protocol):
    """The broker accounts of all users, opened when needed and kept warm."""

    async def of(self, user_id: UUID) -> Broker:
        """Return the user's account with its newest login. Raises `BrokerNotConnected`, `LoginNeeded`."""
        ...

    async def login_died(self, user_id: UUID, broker: Broker) -> None:
        """Note that this login is dead, unless a newer one is stored already."""
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """The right to send is ours, once. `now` is the store's clock at the claim."""

    attempt: Attempt
    now: datetime


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """Somebody else has it; or `latest` has passed (`too_late`); or `due_at` is over two seconds away.

    `too_early` is judged by the store's clock: the caller's is ahead. `over_budget`: the account has sent as
    many orders as it may for now (`domain.budget`). In both cases nothing was written: ask again.
    """

    attempt: Attempt
    now: datetime
    too_late: bool = False
    too_early: bool = False
    over_budget: bool = False
    barred: str | None = None
    """Why an entry may not be sent (`domain.limits`), in the user's words; nothing was written."""
    may_pass: bool = False
    """What bars it may be over in a moment: ask again."""


class OrderLog(Protocol):
    """The intents and what became of them: the table `orders`."""

    async def leg(self, key: LegKey) -> Sequence[Attempt]:
        """Return the leg's attempts, oldest first."""
        ...

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, due_at: datetime | None) -> Attempt:
        """Write the intent unless it exists; return the row that is there now."""
        ...

    async def supersede(
        self, attempt: Attempt, terms: OrderTerms, *, absent: bool, message: str, due_at: datetime
    ) -> Attempt:
        """Plan attempt n+1; where n is still sent, mark it (absent, or not placed) in the same transaction.

        Returns attempt n+1 as it is there now. Does nothing to n when it is no longer sent with no answer,
        and then returns n: the caller reads the leg again.
        """
        ...

    async def claim(
        self,
        attempt: Attempt,
        quantity: int,
        reason: Reason,
        due_at: datetime,
        latest: datetime | None,
        price: Decimal | None = None,
    ) -> Claimed | NotClaimed:
        """Take the right to send, by one committed UPDATE … WHERE sent_at IS NULL.

        `latest` is the last instant, by the store's clock, at which an entry may be sent. `price` is the last
        one known, by which an entry's value is judged.
        """
        ...

    async def answer(self, attempt: Attempt, outcome: PlaceOutcome) -> Attempt:
        """Write what came back from the sending.

        Accepted → open; rejected for good (`Cause.FINAL`) → rejected; rejected otherwise, and denied →
        not placed; unknown leaves it sent, with the message.
        """
        ...

    async def deny(self, attempt: Attempt, message: str, verdict: Outcome | None = None) -> Attempt:
        """Mark an intent that was never sent as not placed; a `verdict` keeps its leg from sending more.

        One that is not placed already only gets the verdict.
        """
        ...

    async def give_up(self, attempt: Attempt, message: str) -> Attempt:
        """Mark a sent attempt absent: its horizon has passed."""
        ...

    async def saw(self, attempt: Attempt, row: BrokerOrder) -> Attempt:
        """Write what the order book shows. Filled quantities only grow.

        The first filled share of an entry makes the position `bought` in the same transaction, writes the
        exit's first intent and the timeline's line; an exit's fills move it to `sold` when nothing is left.
        """
        ...

    async def looked_up(self, attempt: Attempt, message: str) -> None:
        """Note a look-up that found nothing."""
        ...

    async def say(self, key: LegKey, kind: str, text: str, once: str) -> None:
        """Add a line to the strategy's timeline; `once` keeps a repeated one from standing there twice."""
        ...


class RunStore(Protocol):
    """The run's own rows: only the run changes a strategy's life cycle."""

    async def activate(self, request: ActivateRun) -> Activation:
        """Mark the strategy running and give this START its round. Idempotent by `start_id`.

        Raises `LookupError` when the strategy is gone, `AnotherRun` when it runs already.
        """
        ...

    async def owns(self, ref: RunRef) -> bool:
        """Tell whether the strategy is running by this START still."""
        ...

    async def change_phase(self, change: PhaseChange) -> None:
        """Write phase and timeline line; the same phase of the same run is written once."""
        ...

    async def finish(self, request: FinishRun) -> None:
        """Mark the strategy stopped with its outcome. Idempotent."""
        ...

    async def note(self, ref: RunRef, kind: str, text: str, data: Mapping[str, str], once: str) -> None:
        """Add a timeline line; `once` is the key that keeps a repeated activity from writing it twice."""
        ...


@dataclass(frozen=True, slots=True)
class WatchedStrategy:
    """What the listener knows of a running strategy. `mark` is the store's hash of all of it."""

    strategy_id: UUID
    user_id: UUID
    exchange: str
    symbol: str
    stop_loss: Decimal
    phase: Phase
    position: Position
    workflow_id: str
    run_id: str
    mark: int = field(default=0, compare=False)

    @property
    def instrument(self) -> str:
        return f"{self.exchange}:{self.symbol}"

    @property
    def armed(self) -> bool:
        """Its stop is to be watched: shares are held, and no one has said to keep them."""
        return self.position is Position.BOUGHT


@dataclass(frozen=True, slots=True)
class Digest:
    """How many strategies run, and the sum of their marks: who has the same knows them as they are."""

    count: int
    marks: int


class WatchList(Protocol):
    """Running strategies of all users, for the listener's role only."""

    async def all(self) -> Sequence[WatchedStrategy]:
        """Return every running strategy."""
        ...

    async def some(self, strategy_ids: Collection[UUID]) -> Sequence[WatchedStrategy]:
        """Return those of them that run; the others do not."""
        ...

    async def digest(self) -> Digest:
        """Return what `all` would add up to, without reading it."""
        ...

    def changes(self) -> AsyncIterator[UUID | None]:
        """Yield the id of each strategy that changed; None says that some may have been missed: read all.

        Ends with `StoreUnavailable` when the connection is lost.
        """
        ...


@dataclass(frozen=True, slots=True)
class RuntimeUpdate:
    """Fields of `runtime:{id}` to set; None leaves a field as it is."""

    position: Position | None = None
    last_price: Decimal | None = None
    last_buy_order: str | None = None
    last_sell_order: str | None = None


class RuntimeCache(Protocol):
    """Redis: the runtime state with the seed's keys. Nothing in it decides an order."""

    async def load(self, strategy: Strategy, status: Status, position: Position) -> None:
        """Create `strategy:{id}`, `runtime:{id}` and the entry in `symbol:{symbol}:strategies`."""
        ...

    async def update(self, strategy_id: UUID, update: RuntimeUpdate) -> None:
        """Set fields of `runtime:{id}` where that key exists: a stopped strategy is not brought back."""
        ...

    async def drop(self, strategy: Strategy) -> None:
        """Delete the strategy's keys and its entry in the symbol's set."""
        ...

    async def missing(self, strategy_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Return those that have no `runtime:{id}`: Redis was flushed, or came back empty."""
        ...

    async def lock(self, strategy_id: UUID, owner: str, seconds: float) -> bool:
        """Take `lock_state` for `owner`; True when it is ours, also when it was ours already."""
        ...

    async def unlock(self, strategy_id: UUID, owner: str) -> None:
        """Release the lock if `owner` still has it."""
        ...


class CacheMark(Protocol):
    """A mark in the cache that goes when the cache does. Raises `CacheUnavailable`."""

    async def stands(self) -> bool:
        """Tell whether this is the cache that was filled last: not flushed, started again, or another one."""
        ...

    async def begin(self) -> str:
        """Say that the cache is being filled; return what `done` needs."""
        ...

    async def done(self, filling: str) -> None:
        """Set the mark, unless the cache was flushed, or filled by somebody else, since `begin`."""
        ...


class Logins(Protocol):
    """Renews the login of a stored broker account; opens what the API cannot."""

    async def renew(self, request: LoginRequest) -> LoginResult:
        """Exchange or check the token, store it sealed, and say how it went; never raises."""
        ...


class Reconciliation(Protocol):
    """What the reconciler reads of all users."""

    async def owned(self, part: Slice, started_before: datetime) -> Sequence[Owned]:
        """Return the strategies of a slice that are called running and were started before that instant."""
        ...

    async def running(self, strategy_ids: Collection[UUID]) -> Sequence[RunningRow]:
        """Return those of these strategies that are called running, with the START they were started by."""
        ...

    async def doubtful_orders(self) -> Sequence[DoubtfulOrder]:
        """Return the orders that no run follows and that are not over, while their market is open."""
        ...

    async def to_sell(self) -> Sequence[ToSell]:
        """Return the running strategies that a kill switch says to sell."""
        ...


class Attention(Protocol):
    """What a person has to see to, of all users."""

    async def logins_needed(self, now: datetime) -> Sequence[LoginNeeded]:
        """Return the strategies that are due while their user's broker login is dead."""
        ...

    async def left_over(self) -> Sequence[LeftOver]:
        """Return the shares that stopped strategies still hold, not on purpose."""
        ...


class OpenRuns(Protocol):
    """The runs as Temporal has them. Raises `Unavailable` when it does not answer."""

    async def open_ids(self, part: Slice) -> frozenset[str]:
        """Return the workflow ids of a slice that its list shows as open; the newest may be missing."""
        ...

    async def open_count(self, part: Slice, started_before: datetime) -> int:
        """Return how many runs of a slice, started before that instant, its list shows as open."""
        ...

    async def ended_since(self, instant: datetime) -> frozenset[UUID]:
        """Return the strategies of which a run was cut short after that instant, as far as its list knows."""
        ...

    async def is_open(self, workflow_id: str) -> bool:
        """Tell for certain whether a workflow of that id is open."""
        ...

    async def sell(self, workflow_id: str, run_id: str) -> None:
        """Ask a run to stop and sell, and do not wait for it; one that has ended is left alone."""
        ...

    async def adopt(self, start: StartRun) -> None:
        """Start a run that takes `start` over, unless one is open."""
        ...


class Alerts(Protocol):
    """Where a person is told."""

    async def raise_(self, alarm: Alarm) -> None: ...


class Instruments(Protocol):
    """The broker's instrument list of today."""

    async def find(self, exchange: str, symbol: str) -> Instrument | None:
        """Return one instrument; raises `BrokerUnavailable` while no list could be had."""
        ...

    async def search(self, query: str, limit: int) -> Sequence[Instrument]:
        """Return tradable instruments whose symbol or name matches, best first."""
        ...


class StopSignals(Protocol):
    """The durable path of a stop-loss: the STOPLOSS signal to the strategy's run."""

    async def stop_loss(
        self, watched: WatchedStrategy, price: Decimal, tick_at: datetime | None, seen_at: datetime
    ) -> bool:
        """Signal the run; False when no such run is open. Raises `Unavailable` when Temporal is away."""
        ...


class FastStops(Protocol):
    """The fast path of a stop-loss: the queue from which workers send exits at once. Nothing rests on it."""

    async def put(self, strategy_ids: Sequence[UUID]) -> None:
        """Put one STOPLOSS each, in this order, together. Raises `CacheUnavailable`: some may be put then."""
        ...


class Standing(StrEnum):
    """How far a listener is with its share of the instruments."""

    JOINING = "joining"
    READY = "ready"
    TAKING_OVER = "taking_over"
    """Ready, but not yet with what somebody who leaves still watches."""
    LEAVING = "leaving"


class Membership(Protocol):
    """The listeners that live, by leases that each renews."""

    async def renew(self, member: str, standing: Standing, seconds: float) -> Mapping[str, Standing]:
        """Hold a lease for `seconds` and return who holds one now. Raises `CacheUnavailable`."""
        ...

    async def leave(self, member: str) -> None:
        """End a lease. Raises `CacheUnavailable`."""
        ...
