"""The figures: their names, what each says, and what is to be reached."""

from dataclasses import dataclass, field
from typing import Any

from bench.spread import Samples, missing, most, percentile, ratio


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table. `ratio_to` names what the ratio is taken to."""

    what: str
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    ratio_at_least: float | None = None
    ratio_to: str = "the baseline"

    @property
    def more_is_better(self) -> bool:
        return self.at_least is not None

    @property
    def words(self) -> str:
        """Return the target as the table shows it."""
        bound = f"≥ {self.at_least:,.0f}" if self.at_least is not None else f"≤ {self.at_most:,.0f}"
        return bound + (f"; ratio ≥ {self.ratio_at_least:g}" if self.ratio_at_least is not None else "")


GOALS = {
    "entry_lateness_p99_ms": Goal(
        "1,000 accounts, one BUY each due in the same second, received by the exchange",
        *("ms", 300),
        ratio_at_least=20,
    ),
    "entry_lateness_p50_ms_single": Goal("one BUY, received by the exchange", "ms", 5),
    "protected_p99_ms": Goal(
        "1,000 accounts that buy in the same second: fill → stop at the exchange; one account's, at the "
        "median, within 50 ms",
        *("ms", 1000),
    ),
    "exit_by_modification_lateness_p99_ms": Goal(
        "the same 1,000 sell in one second: what rests is changed to the market, received by the exchange",
        *("ms", 300),
    ),
    "same_user_lateness_p99_ms": Goal(
        "8 strategies of one user, 8 symbols, due in the same second, two workers: received by the exchange",
        *("ms", 100),
    ),
    "entry_failover_p99_ms": Goal(
        "the 1,000 again, one of two workers killed 2 s before the second; none over 5,000", "ms", 1500
    ),
    "stop_single_p50_ms": Goal("tick sent by the exchange → SELL received", "ms", 10, ratio_at_least=3),
    "stop_burst_p99_ms": Goal(
        "1,000 positions hit by one tick → SELL received",
        *("ms", 800),
        ratio_at_least=10,
        ratio_to="the signal path alone",
    ),
    "neighbours_moved_p99_ms": Goal(
        "p99 lateness of 200 accounts, moved by one with 100 strategies in that second, one without a login "
        "and one whose broker is slow",
        *("ms", 250),
    ),
    "noisy_tenant_attempts_ratio": Goal(
        "others' GET /strategy while one account tries 2,000 event streams: p99, in times of the quiet one",
        *("×", 2),
    ),
    "noisy_tenant_streams_ratio": Goal(
        "others' GET /strategy beside 2,000 event streams of 100 accounts: p99, in times of the quiet one",
        *("×", 2),
    ),
    "streams_cpu_percent": Goal(
        "5,000 event streams of 500 users, a price a second in each: the API's processor time, of one core",
        *("%", 60),
    ),
    "streams_read_p99_ms": Goal("GET /strategy beside them: p99", *("ms", 50)),
    "notice_p99_ms": Goal(
        "one BUY: order received by the exchange, and filled → signed webhook at its user's own server",
        *("ms", 2000),
    ),
    "first_paint_p95_ms": Goal(
        "the slowest page of the app, as a phone of 360 pixels sees it in Chromium: until something is shown",
        *("ms", 1000),
    ),
    "price_shown_p95_ms": Goal(
        "a price changes at the exchange until the strategy's page shows it", *("ms", 1500)
    ),
    "ticks_per_second": Goal(
        "decoded and evaluated against 100,000 triggers of mixed kinds on 3,000 symbols, one core",
        "1/s",
        at_least=5_000_000,
        ratio_at_least=10,
        ratio_to="KiteTicker with a loop",
    ),
    "tick_to_decision_p99_ms": Goal(
        "50,000 ticks/s over a real WebSocket", "ms", 5, ratio_to="KiteTicker with a loop"
    ),
    "trail_decision_p99_ms": Goal(
        "1,000 trailing stops in one symbol, on a path that rises and falls: tick → event, each one right",
        *("ms", 50),
    ),
    "sleepers": Goal(
        "started and waiting; worker ≤ 300 MB, idle ≤ 5 % of a core", "strategies", at_least=10_000
    ),
    "next_day_p99_s": Goal(
        "1,000 series sold in one second, 10,000 more asleep: from the end of a day until its next one waits",
        *("s", 60),
    ),
    "next_day_cpu_ms": Goal(
        "processor time of workers, API and listener for one of them, beyond that of a day without a next",
        *("ms", 60),
    ),
    "next_day_entry_lateness_p99_ms": Goal(
        "20 BUYs of others, due a second apart from a second after that sale on: received by the exchange",
        *("ms", 100),
        ratio_to="with nothing beside them",
    ),
    "start_p99_ms": Goal("START at 20/s, open loop", "ms", 150),
    "read_p99_ms": Goal("GET strategy at 300/s, open loop", "ms", 25),
}
"""In the order of the table. Every figure of `results.json` has one of these names."""


@dataclass(slots=True)
class Figure:
    """What was measured. `value` is None where the percentile falls on something that never happened.

    `also` holds what stands beside it (counts, maxima, conditions that belong to the target), and `holds`
    tells whether those conditions are met.
    """

    name: str
    value: float | None
    also: dict[str, Any] = field(default_factory=dict)
    against: float | None = None
    holds: bool = True
    ratio: float | None = None

    @property
    def goal(self) -> Goal:
        return GOALS[self.name]

    def compared(self, against: float | None) -> "Figure":
        """Put it beside what the ratio is taken to."""
        self.against = against
        self.ratio = ratio(self.value, against, more_is_better=self.goal.more_is_better)
        return self

    @property
    def reached(self) -> bool:
        """Tell whether value, ratio and conditions are all as the issue asks."""
        goal, value = self.goal, self.value
        if value is None or not self.holds:
            return False
        if goal.at_most is not None and value > goal.at_most:
            return False
        if goal.at_least is not None and value < goal.at_least:
            return False
        return goal.ratio_at_least is None or (self.ratio is not None and self.ratio >= goal.ratio_at_least)


def of_samples(name: str, samples: Samples, share: float, **also: Any) -> Figure:
    """Make a figure of raw samples, with median, largest, and how many never happened beside it."""
    shown = {
        "samples": len(samples),
        "p50": rounded(percentile(samples, 0.5)),
        "p99": rounded(percentile(samples, 0.99)),
        "max": rounded(most(samples)),
        "never": missing(samples),
    }
    return Figure(name, rounded(percentile(samples, share)), shown | also)


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
