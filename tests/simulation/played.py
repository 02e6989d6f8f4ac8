"""What a simulated day left behind, for its checkers."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.order import Attempt
from domain.run import FinishRun, RunView
from domain.strategy import Product
from tests.simulation.exchange import Entry
from tests.simulation.faults import Fault


@dataclass(frozen=True, slots=True)
class Played:
    """What a day left behind: all a checker may look at."""

    faults: tuple[Fault, ...]
    ledger: Sequence[Entry]
    rows: Sequence[Attempt]
    finished: Sequence[FinishRun]
    finished_at: float | None
    stopped_at: float | None
    """When Postgres said that it had stopped; its run may have had something to clean up after that."""
    view: RunView | None
    alarms: Sequence[str]
    alarmed: Sequence[float]
    """When each alarm was raised."""
    lines: Sequence[str]
    """What was said in the timeline, in its own words, by those that send orders."""
    product: Product
    own: int
    """Shares that were the user's own before the day."""
    left: int
    """Shares of our product that are in the account at the end."""
    events: Sequence[tuple[float, str]]
    crossed: Sequence[tuple[float, float]]
    """When the price stood at the stop: from, until."""
    store_was_down: bool
    keys_left: bool
    stopped_with_keys: bool
    broken: str
    trace: Sequence[tuple[str, int]]
    triggered: Sequence[int]
    """Where in the trace the faults struck."""
