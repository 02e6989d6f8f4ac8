"""The ports of the rules: adapters implement them, activities and execution are built on them.

Every method that reads or writes outside raises `StoreUnavailable`, `CacheUnavailable` or `BrokerUnavailable`
when its dependency does not answer: an empty answer always means "there is none", never "I could not look".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from domain.broker_login import LoginRequest, LoginResult
from domain.instrument import Instrument, Segment
from domain.listing import Listing
from domain.order import Attempt, BrokerOrder, BrokerPosition, LegKey, OrderRequest, OrderTerms, Reason
from domain.outcome import PlaceOutcome
from domain.quote import Quote
from domain.run import ActivateRun, Activation, Alarm, FinishRun, PhaseChange, RunRef
from domain.sellable import OtherClaims
from domain.session import ClosedDay, Session
from domain.strategy import Outcome, Position, Status, Strategy


class Clock(Protocol):
    """The time, as a port that tests replace."""

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
        """Send one order, once; never raises for a broker or network failure, never retries.

        An order whose first byte has not left within `leave_within` seconds never leaves.
        """
        ...

    async def warm(self) -> None:
        """Open a connection on which the next order leaves at once; never raises, sends no request.

        Worth calling a few seconds before an order is due: an idle connection is closed again.
        """
        ...

    async def cancel(self, broker_order_id: str) -> None:
        """Ask for a cancellation. Whatever the answer, the order book decides."""
        ...

    async def orders(self) -> Listing[BrokerOrder]:
        """Return today's order book; ask it `covers` before taking an order for absent."""
        ...

    async def positions(self) -> Listing[BrokerPosition]:
        """Return today's net positions; ask it `covers` before taking one for zero."""
        ...

    async def holdings(self, exchange: str, symbol: str) -> int:
        """Return the shares of before today, delivered or on their way, whether or not some were sold today.

        What was sold of them today is a negative quantity in the position book.
        Raises `BrokerUnavailable` where a row that may be of this symbol cannot be read.
        """
        ...

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by `NSE:TCS`; absent is what the broker has nothing for, or nothing readable."""
        ...


class Brokers(Protocol):
    """The broker accounts of all users, opened when needed and kept warm."""

    async def of(self, user_id: UUID, account: str) -> Broker:
        """Return the user's account with its newest login. Raises `BrokerNotConnected`, `LoginNeeded`.

        `account` is the one an order belongs to; empty: the connected one. Raises `AccountNotConnected` where
        it is not the connected one: no other account is ever opened in its place.
        """
        ...

    async def login_died(self, user_id: UUID, broker: Broker) -> None:
        """Record that this login is dead, unless a newer one is stored already."""
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """The caller has the right to send, once. `now` is the store's clock at the claim."""

    attempt: Attempt
    now: datetime


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """Another caller has it; or `latest` has passed (`too_late`); or `due_at` is over two seconds away.

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
    """The intents and their outcomes: the table `orders`."""

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
        """Write the outcome of sending.

        Accepted → open; rejected for good (`Cause.FINAL`) → rejected; rejected otherwise, and denied → not
        placed; unknown leaves it sent, with the message.
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
        """Record a look-up that found nothing."""
        ...

    async def other_claims(self, key: LegKey) -> OtherClaims:
        """Return what the user's other strategies hold of the same shares in the same product."""
        ...

    async def note_baseline(self, key: LegKey, shares: int) -> None:
        """Store the baseline of a strategy (`domain.sellable`), unless its entry was sent already."""
        ...

    async def say(self, key: LegKey, kind: str, text: str, once: str) -> None:
        """Add a line to the strategy's timeline; `once` prevents duplicates."""
        ...


class RunStore(Protocol):
    """The run's own rows: only the run changes a strategy's life cycle."""

    async def activate(self, request: ActivateRun) -> Activation:
        """Mark the strategy running and give this START its round. Idempotent by `start_id`.

        Raises `LookupError` when the strategy is gone, `AnotherRun` when it runs already, `ForeignStart` when
        the request is not the START that was written down.
        """
        ...

    async def owns(self, ref: RunRef) -> bool:
        """Tell whether this START still owns the running strategy."""
        ...

    async def change_phase(self, change: PhaseChange) -> None:
        """Write phase and timeline line; the same phase of the same run is written once."""
        ...

    async def finish(self, request: FinishRun) -> None:
        """Mark the strategy stopped with its outcome. Idempotent."""
        ...

    async def note(self, ref: RunRef, kind: str, text: str, data: Mapping[str, str], once: str) -> None:
        """Add a timeline line; `once` is the key that prevents duplicates by a repeated activity."""
        ...


@dataclass(frozen=True, slots=True)
class RuntimeUpdate:
    """Fields of `runtime:{id}` to set; None leaves a field as it is."""

    position: Position | None = None
    last_price: Decimal | None = None
    last_buy_order: str | None = None
    last_sell_order: str | None = None


class RuntimeCache(Protocol):
    """Redis: the runtime state with the seed's keys. No order is decided by it."""

    async def load(self, strategy: Strategy, status: Status, position: Position) -> None:
        """Create `strategy:{id}`, `runtime:{id}` and the entry in `symbol:{symbol}:strategies`."""
        ...

    async def update(self, strategy_id: UUID, update: RuntimeUpdate) -> None:
        """Set fields of `runtime:{id}` where that key exists: a stopped strategy is not restored."""
        ...

    async def drop(self, strategy: Strategy) -> None:
        """Delete the strategy's keys and its entry in the symbol's set."""
        ...

    async def missing(self, strategy_ids: Sequence[UUID]) -> frozenset[UUID]:
        """Return the strategies without `runtime:{id}`: Redis was flushed, or came back empty."""
        ...

    async def lock(self, strategy_id: UUID, owner: str, seconds: float) -> bool:
        """Take `lock_state` for `owner`; True when it is held now, also when it was held already."""
        ...

    async def unlock(self, strategy_id: UUID, owner: str) -> None:
        """Release the lock if `owner` still has it."""
        ...


class Logins(Protocol):
    """Renews the login of a stored broker account; opens secrets that the API cannot."""

    async def renew(self, request: LoginRequest) -> LoginResult:
        """Exchange or check the token, store it sealed, and return the outcome; never raises."""
        ...


class Alerts(Protocol):
    """Raises alarms to operators."""

    async def raise_(self, alarm: Alarm) -> None: ...


class Instruments(Protocol):
    """The broker's instrument list of today."""

    async def find(self, exchange: str, symbol: str) -> Instrument | None:
        """Return one instrument, None where the list has none.

        Raises `BrokerUnavailable` while there is no list, `InstrumentUnreadable` where a line that may be its
        own cannot be read.
        """
        ...

    async def search(self, query: str, limit: int) -> Sequence[Instrument]:
        """Return tradable instruments whose symbol or name matches, best first."""
        ...


class TradingDays(Protocol):
    """The calendar as known now, without blocking the event loop."""

    async def look_up(self, day: date, segment: Segment) -> Session | ClosedDay:
        """Return what is known of `day`. Raises `CalendarUnknown` when nothing is, or it cannot be read."""
        ...
