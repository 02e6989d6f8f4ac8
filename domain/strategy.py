"""A strategy: the user's request, and the state of its day."""

from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.errors import IllegalMove
from domain.terms import PLAIN, Terms


class OnStop(StrEnum):
    """What a stop does with the shares."""

    EXIT = "exit"
    KEEP = "keep"


class Product(StrEnum):
    """How the broker books the position."""

    CNC = "CNC"
    MIS = "MIS"
    NRML = "NRML"


class Status(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    STOPPED = "stopped"


class Phase(StrEnum):
    WAITING = "waiting"
    ENTERING = "entering"
    HOLDING = "holding"
    EXITING = "exiting"
    DONE = "done"


class Position(StrEnum):
    """`BOUGHT` from the first filled share until all of it is sold."""

    NONE = "none"
    BOUGHT = "bought"
    SOLD = "sold"


class Outcome(StrEnum):
    SOLD = "sold"
    STOP_LOSS = "stop_loss"
    TARGET = "target"
    STOPPED = "stopped"
    KEPT = "kept"
    CLOSED_OUTSIDE = "closed_outside"
    """The shares were gone at the broker before they were sold here: sold by hand, squared off, converted."""
    MISSED = "missed"
    SKIPPED = "skipped"
    ORDER_FAILED = "order_failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class Strategy:
    """{symbol, buy_time, sell_time, stop_loss, quantity}, tied to its user for life.

    `stop_loss` is None where `terms.stop` measures the stop from the fill, `quantity` where `terms.size` has
    the shares computed at buy_time.
    """

    strategy_id: UUID
    user_id: UUID
    symbol: str
    buy_time: time
    sell_time: time
    stop_loss: Decimal | None
    quantity: int | None
    exchange: str = "NSE"
    product: Product = Product.CNC
    on_stop: OnStop = OnStop.EXIT
    terms: Terms = PLAIN

    @property
    def instrument(self) -> str:
        """The broker's name for what is traded: `NSE:TCS`."""
        return f"{self.exchange}:{self.symbol}"


class Move(StrEnum):
    """What moves a day from one phase to the next."""

    BUY_DUE = "buy_due"
    SELL_ONLY = "sell_only"
    BOUGHT = "bought"
    EXIT_DUE = "exit_due"
    END = "end"


_PHASES: dict[tuple[Phase, Move], Phase] = {
    (Phase.WAITING, Move.BUY_DUE): Phase.ENTERING,
    (Phase.WAITING, Move.SELL_ONLY): Phase.EXITING,  # kept shares, or those a failed exit left over
    (Phase.WAITING, Move.END): Phase.DONE,  # stopped before buy_time
    (Phase.ENTERING, Move.BOUGHT): Phase.HOLDING,
    (Phase.ENTERING, Move.END): Phase.DONE,  # nothing was bought
    (Phase.HOLDING, Move.EXIT_DUE): Phase.EXITING,
    (Phase.HOLDING, Move.END): Phase.DONE,  # kept
    (Phase.EXITING, Move.END): Phase.DONE,  # flat, kept after all, or the market closed on it
}


def next_phase(phase: Phase, move: Move) -> Phase:
    """Return the phase after `move`. Raises `IllegalMove` where the day has no such edge."""
    try:
        return _PHASES[phase, move]
    except KeyError:
        raise IllegalMove(f"a day in phase {phase} cannot {move}") from None
