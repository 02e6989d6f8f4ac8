"""Decides which step of a run is due, and when a run that has not taken it counts as stalled.

A run is a workflow: it is stalled while it is paused, or while no worker of its version is there. What it
has to do next follows from its rows alone, so that nothing it depends on is needed to find that out:

    what its rows say                 step  due at              told after  any worker
    nothing bought, no entry is sent  BUY   buy_at              30 s        nothing: it is too late
    shares held                       SALE  sell_at             30 s        sells them after 30 s
    STOP asked, run not ending        STOP  when it was asked   30 s        after 1 s calls the entry off, and
    kill switch sells, not ending     STOP  when it was turned  30 s        sells what is not to be kept
    day's limit sells, not ending     STOP  when it was reached 30 s        sells what is not to be kept
    all sold, run not ended           END   when it was sold    60 s        nothing: nothing is held
    all sold, to be bought again      AGAIN at once             60 s        nothing: nothing is held
    the same, waiting for its price   AGAIN `until` of `reenter` 60 s       nothing: nothing is held

A run that waits for a price, or for what its own order comes to, is not stalled:

    its rows say                                  nothing of it is told
    entry sent or open, nothing filled            BUY, AGAIN: before a STOP it is followed to its end
    entry cancelled, that could rest              BUY, AGAIN: until `STANDS_AFTER` after it was to be over
    entry sent, no answer, STOP asked             STOP: while it is looked for (`IN_DOUBT_FOR`)
    what came of the entry was found after STOP   STOP: until `STANDS_AFTER` after it was found

The user's word "keep" holds: what is to be kept is not sold at sell_at either. A run that is ending (phase
exiting) sells by itself; its sale is taken over only where nothing of it was sent, or nothing of it has moved
for `QUIET`. The worker that sells claims the order as its run would, so a run that wakes up during the sale
costs nothing. Workers take turns, by their names: one that cannot sell must not keep the others from it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain.leg import Horizons
from domain.run import Alarm, EnterOrder, ExitOrder, SaleLine
from domain.session import clock_text, exchange_time
from domain.strategy import Position
from domain.timeline import EventKind

STANDS_AFTER = timedelta(seconds=30)
"""How long after its instant a step that was not taken is told of: an entry takes five, a sale one."""
END_STANDS_AFTER = timedelta(seconds=60)
IN_DOUBT_FOR = Horizons().entry
"""How long a run looks for an entry that was never answered, from when it was sent."""
UNHEARD_AFTER = timedelta(seconds=1)
"""A run takes a STOP within a tenth of a second; one that has not by then does not hear it."""
AT_ONCE_WITHIN = timedelta(seconds=2)
"""Until then after a STOP a sale is claimed at once, like one of the fast path. Later it is careful: a worker
that does not reach Postgres may sell for the same run by itself, three seconds after it noticed or later.
A careful sale finds that one in the broker's books, which it reads twice, three seconds apart."""
SALE_TURN = timedelta(seconds=15)
STOP_TURN = timedelta(seconds=3)
"""How much later each further worker tries it."""
QUIET = timedelta(minutes=20)
"""Longer than the pause of any exit that goes on by itself."""


class Step(StrEnum):
    """What a run has to do next."""

    BUY = "buy"
    SALE = "sale"
    STOP = "stop"
    END = "end"
    AGAIN = "again"
    """To buy again after a round of it was sold, or to end."""


@dataclass(frozen=True, slots=True)
class OverdueRun:
    """A run whose step is overdue. `held` shares are still there; `exiting`: its own sale goes on.

    `buying`: an order of its purchase was sent, and is not known to be over.
    """

    strategy_id: UUID
    user_id: UUID
    start_id: UUID
    workflow_id: str
    email: str
    exchange: str
    symbol: str
    product: str
    step: Step
    due_at: datetime
    held: int
    exiting: bool = False
    buying: bool = False
    again: bool = False
    """All of a round is sold, and the next one has bought nothing yet."""

    @property
    def once(self) -> str:
        """Name the alarm of this step, once for each START."""
        return f"{self.start_id}:overdue:{self.step}"


@dataclass(frozen=True, slots=True)
class StandingRun:
    """A run whose step a worker takes without it: the entry is settled first, then what is held is sold.

    `entry` is None where it is over, `sale` where nothing is to be sold. `at_once`: see `AT_ONCE_WITHIN`.
    """

    strategy_id: UUID
    entry: EnterOrder | None
    sale: ExitOrder | None
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class DueStep:
    """What a running strategy has to do next, and when. `rests`: its order to buy ends by then."""

    step: Step
    due_at: datetime
    rests: bool = False


def next_step(
    position: Position,
    buy_at: datetime | None,
    sell_at: datetime | None,
    rests_until: datetime | None = None,
) -> DueStep | None:
    """Return a running strategy's next step by the clock; None where none is known, or nothing is left.

    `rests_until`: until when its order to buy may rest, once the broker has it; None: there is none.
    """
    if position is Position.NONE and rests_until is not None:
        return DueStep(Step.BUY, rests_until, rests=True)
    if position is Position.NONE and buy_at is not None:
        return DueStep(Step.BUY, buy_at)
    if position is Position.BOUGHT and sell_at is not None:
        return DueStep(Step.SALE, sell_at)
    return None


def still_due_words(due: DueStep, symbol: str, held: int) -> str:
    """Warn the user of a step that is overdue."""
    at = clock_text(exchange_time(due.due_at).timetz().replace(microsecond=0))
    if due.rests:
        return (
            f"The order to buy {symbol} was to be filled or cancelled by {at}, and its run has not said yet "
            "what came of it. Look at the order book at the broker."
        )
    if due.step is Step.BUY:
        return f"{symbol} was to be bought at {at}, and what came of it is not known yet."
    return (
        f"{held} {symbol} were to be sold at {at} and are still held. Their sale is tried on, with or "
        "without their run; if it must be now, sell them at the broker."
    )


_STANDS = (
    "its run stands still: it is paused, or no worker of its version is there "
    "(docs/operations.md, RunsOverdue)"
)


def overdue_words(run: OverdueRun) -> str:
    """Say what was to be done when, and what follows."""
    at = clock_text(exchange_time(run.due_at).timetz().replace(microsecond=0))
    if run.step is Step.BUY:
        return f"{run.symbol} was to be bought at {at}, and {_STANDS}. Nothing is bought any more."
    if run.step is Step.END:
        return f"All {run.symbol} is sold since {at}, and {_STANDS}. It ends when it goes on."
    if run.step is Step.AGAIN:
        return (
            f"All {run.symbol} is sold. It was to be bought again, or to end, by {at}, and {_STANDS}. "
            "It does so when it goes on."
        )
    asked = (
        "were to be sold"
        if run.step is Step.SALE
        else "were to be sold by STOP, a kill switch or a limit of the day"
    )
    if not run.held:
        return f"{run.symbol} was to be stopped at {at}, and {_unstopped(run)}"
    what = f"{run.held} {run.symbol} {asked} at {at} and are still held"
    if run.exiting:
        return f"{what}: their sale goes on, see the timeline."
    return f"{what}: {_STANDS}. A worker sells them without it, while the market is open."


def _unstopped(run: OverdueRun) -> str:
    """Say of a run that holds nothing why it has not stopped, and what it may still come to hold."""
    if run.buying:
        return (
            f"what came of its order to buy is not known yet: the broker does not say, or {_STANDS}. "
            "What that order buys is sold, unless it is to be kept. Look at the order book at the broker."
        )
    if run.again:
        return f"{_STANDS}. It stops when it goes on."
    return f"{_STANDS}. Nothing is bought for it any more."


def overdue_alarm(run: OverdueRun) -> Alarm:
    """Return the alarm for a step that was not taken in time."""
    data = {"step": run.step.value, "due_at": run.due_at.isoformat(), "held": str(run.held)}
    return Alarm("run_overdue", overdue_words(run), run.user_id, run.strategy_id, data)


def standing_line(step: Step, symbol: str, held: int, due_at: datetime) -> SaleLine:
    """Say why a worker sells without the run."""
    at = clock_text(exchange_time(due_at).timetz().replace(microsecond=0))
    if step is Step.SALE:
        text = f"The run was to sell at {at} and stands still: selling {held} {symbol} without it."
        return SaleLine(EventKind.LATE, text)
    text = f"The run was to stop at {at} and does not hear: selling {held} {symbol} without it."
    return SaleLine(EventKind.STOP_ASKED, text)
