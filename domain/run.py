"""Defines the messages into a run's activities and out of them, one frozen value each.

Fields are added, never renamed: recorded histories hold them.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.entry_size import AT_THE_MARKET, Buying
from domain.instrument import Segment
from domain.order import LegKey, OrderTerms, Reason
from domain.reentry import Again, AwaitedPrice
from domain.refusal import Refusal
from domain.session import DayPlan
from domain.strategy import OnStop, Outcome, Phase, Position, Status, Strategy


class Adoption(StrEnum):
    """Why a run takes over what another one left."""

    TERMINATED = "terminated"
    """The run was ended from outside; no code of it could run."""
    LATE_ENTRY = "late_entry"
    """An entry that was in doubt turned up after the run had ended."""


class Release(StrEnum):
    """Why a run of a stopped strategy sells nothing of the shares that are still held."""

    KEEP = "keep"
    """They are the user's own from now on."""
    LOOK = "look"
    """It looks whether the account still shows them; what is gone is closed outside."""


RUN_VERSION = 4
"""1: the start is written by an activity like any other. 2: within the run's first step, where it can be.
3: a refused sale waits for what lifts it; `keep` and the market's close end a sale that is in doubt; a day
that was slept through goes on in the next session. 4: `keep` looks at the account before it
says what is kept."""


@dataclass(frozen=True, slots=True)
class StartRun:
    """One START. `start_id` is minted once per press, so a reset run is still the same START."""

    start_id: UUID
    strategy: Strategy
    plan: DayPlan
    sell_only: bool = False
    """True for a run that only sells what an earlier one left: `plan.sell_at` is when."""
    adopted: Adoption | None = None
    """Set by the reconciler: the same START, taken over to be brought to its end by on_stop."""
    version: int = 1
    """Which steps the run takes: one that an older build began goes on as it began."""
    account: str = ""
    """The broker account that was connected at START; empty in those of an older build: whichever is."""
    release: Release | None = None
    """Only with `sell_only`: nothing is sold. Its plan is over, so that an older build sells nothing too."""
    again: Again | None = None
    """Set by the run itself, for a round that follows one that was sold."""
    series_id: UUID | None = None
    """The series that it is a day of (`domain.series`); None where a START is one day."""


RUN_PREFIX = "strategy-"
"""What the workflow id of every run begins with."""


def workflow_id(strategy_id: UUID, trading_day: date) -> str:
    """Return the id of a strategy's run of a trading day: Temporal has one open run of an id at the most."""
    return f"{RUN_PREFIX}{strategy_id}-{trading_day.isoformat()}"


def what_differs(written: StartRun, asked: StartRun) -> tuple[str, ...]:
    """Return in what a run's START differs from the one that was written down.

    Not compared: warnings and the opening, by which nothing is sent, and who runs it in which steps.
    """
    same = {
        "start": written.start_id == asked.start_id,
        "user": written.strategy.user_id == asked.strategy.user_id,
        "terms": written.strategy == asked.strategy,
        "account": written.account == asked.account,
        "day": _instants(written.plan) == _instants(asked.plan),
        "sell_only": written.sell_only == asked.sell_only,
        "release": written.release == asked.release,
        "series": written.series_id == asked.series_id,
    }
    return tuple(name for name, equal in same.items() if not equal)


def _instants(plan: DayPlan) -> tuple[object, ...]:
    return plan.trading_day, plan.buy_at, plan.sell_at, plan.closes_at


@dataclass(frozen=True, slots=True)
class Activation:
    """The run is written down: its round of the day, and the shares it begins with."""

    round: int
    held: int = 0
    series_over: bool = False
    """It is a day of a series that has ended: nothing is bought."""


@dataclass(frozen=True, slots=True)
class RunRef:
    """Which run is speaking, for the rows it writes.

    `began`, by Temporal's clock, tells of two runs which is the newer; None in histories from before.
    """

    strategy_id: UUID
    user_id: UUID
    workflow_id: str
    run_id: str
    start_id: UUID
    began: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActivateRun:
    ref: RunRef
    start: StartRun


@dataclass(frozen=True, slots=True)
class PhaseChange:
    """The run entered `phase`; `text` is the timeline's line."""

    ref: RunRef
    phase: Phase
    text: str
    kind: str = "phase"
    data: dict[str, str] = field(default_factory=dict)
    round: int = 1


@dataclass(frozen=True, slots=True)
class RunNote:
    """A line for the timeline; `once` keeps a repeated activity from writing it twice."""

    ref: RunRef
    kind: str
    text: str
    once: str
    data: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnterOrder:
    """Buy `quantity` at `due_at`, unless the price is at stop or target already or it is too late.

    `stop_loss` is None where the stop is measured from the fill, `quantity` where `how` has it computed.

    `closes_at`: an entry that is late is not sent after the market's close either. `segment` and `sell_at`
    (the planned sale) tell whether it still fits its day. None from an older build.
    """

    key: LegKey
    terms: OrderTerms
    quantity: int | None
    stop_loss: Decimal | None
    due_at: datetime
    closes_at: datetime | None = None
    segment: Segment | None = None
    sell_at: datetime | None = None
    target: Decimal | None = None
    """A target at one price: nothing is bought where the price has reached it."""
    how: Buying = AT_THE_MARKET
    again: bool = False
    """It follows a round of the same START: nothing is bought while the account is short of these shares."""


@dataclass(frozen=True, slots=True)
class AwaitPrice:
    """Wait until a symbol's price is where it is bought again."""

    key: LegKey
    terms: OrderTerms
    price: AwaitedPrice


@dataclass(frozen=True, slots=True)
class Entered:
    """How the entry ended. `filled` shares are held; `outcome` says why there are none.

    `detail` says why there are none, or why there are not more, where others cancelled the rest.
    """

    filled: int
    average_price: Decimal | None = None
    outcome: Outcome | None = None
    detail: str = ""
    in_doubt: bool = False
    """It was sent, and may have been placed."""
    cut_short: bool = False
    """Its open order was cancelled before its time, since its run was leaving. False from an older build."""


@dataclass(frozen=True, slots=True)
class SaleLine:
    """The timeline's line that says why shares are sold now; `kind` is that of the line."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class ExitOrder:
    """Sell what is held of `bought`, at `due_at`, for `reason`."""

    key: LegKey
    terms: OrderTerms
    bought: int
    reason: Reason
    due_at: datetime
    price: Decimal | None = None
    """The price that hit the stop, for the timeline."""
    lifted: int = 0
    """The newest attempt whose refusal keeps nothing back any more: its user has asked again, or acted."""
    adopted: bool = False
    """Another run had this leg, and may have sold without the store: only the broker's book knows of that."""
    why: SaleLine | None = None
    """Said by the sender, before what comes of it. None from an older build, and of a scheduled sale."""


@dataclass(frozen=True, slots=True)
class HeldSale:
    """A sale that was refused as `attempt`, and is not tried again for `seconds`, unless that is lifted."""

    order: ExitOrder
    refusal: Refusal
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Lift:
    """The end of a wait. `lifted`: the attempt whose refusal keeps nothing back any more; 0 for none."""

    lifted: int = 0


@dataclass(frozen=True, slots=True)
class Armed:
    """An order is written down for its instant, and workers hold it.

    `slot` counts the orders armed for that instant before it; None when nothing is left to arm.
    """

    slot: int | None


@dataclass(frozen=True, slots=True)
class OffBooksExit:
    """Sell without the store, under attempt `attempt`, which no other sale uses."""

    order: ExitOrder
    attempt: int
    in_flight_since: datetime | None = None
    """When an order of this leg may last have been sent with no known answer; None when none can be."""


@dataclass(frozen=True, slots=True)
class OffBooksRecord:
    """Write down the attempts that were tried without the store."""

    order: ExitOrder
    attempts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Exited:
    """How far an exit came. `sold` of what was bought, in all attempts; `held` is what is still there."""

    sold: int
    held: int
    average_price: Decimal | None = None
    reason: Reason | None = None
    """The reason of the order that was sent first."""
    detail: str = ""
    sent_off_books: bool = False
    """An order left while Postgres was away; its row is still to be written."""
    outside: int = 0
    """Shares that were gone at the broker before they could be sold here; they are not in `held`."""
    tried: int = 0
    """Orders of it that were sent, whatever came of them."""
    in_doubt: bool = False
    """One of them may still sell: it was not found, or its end was not waited for."""


@dataclass(frozen=True, slots=True)
class SleptThrough:
    """A day's sale was due at `due_at`, and nothing was tried before the market closed."""

    ref: RunRef
    start: StartRun
    held: int
    due_at: datetime
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class GoesOn:
    """The session in which a day goes on that was slept through, and in words why it was.

    Without a session only the words: none is known.
    """

    words: str
    opens_at: datetime | None = None
    sell_at: datetime | None = None
    closes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FinishRun:
    """The run is over: stopped, with this outcome, in words."""

    ref: RunRef
    strategy: Strategy
    outcome: Outcome
    detail: str
    position: Position
    outside: int = 0
    """Shares that were gone at the broker before they could be sold here."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person must know now. Without ids it is about a part or a shared feed, not one user."""

    kind: str
    text: str
    user_id: UUID | None = None
    strategy_id: UUID | None = None
    data: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StopRequest:
    """The user pressed STOP; None leaves it to the strategy's own on_stop."""

    on_stop: OnStop | None = None


@dataclass(frozen=True, slots=True)
class PriceHit:
    """The listener saw a price at a trigger. `peak`: the highest since the fill, where a stop follows it."""

    price: Decimal
    tick_at: datetime | None = None
    seen_at: datetime | None = None
    peak: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """What the run knows of itself: the answer to the `view` query and to its updates."""

    status: Status
    phase: Phase
    position: Position
    round: int
    held: int
    bought: int
    sold: int
    outcome: Outcome | None = None
    detail: str = ""
