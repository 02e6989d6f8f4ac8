"""The benches in the order they run: what each measures, and how long it may take at the most."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench import apart
from bench.alone import SYMBOLS
from bench.baseline.measure import measured
from bench.figures import GOALS, Figure, rounded
from bench.neighbours import disturb
from bench.next_day import end_together
from bench.noisy_tenant import press
from bench.outcome import BASELINE, SIGNALS, Outcome, Scene
from bench.protected import protect
from bench.same_user import together
from bench.spread import percentile
from bench.streams import follow_all
from bench.telling import tell
from bench.trading import lose_a_worker, trade

WORKER_MB, IDLE_PERCENT = 300, 5


@dataclass(frozen=True, slots=True)
class Bench:
    """One bench; `figures` are the names it gives."""

    name: str
    figures: tuple[str, ...]
    run: Callable[[Scene, Outcome], Awaitable[None]]
    """Adds what it finds as it goes, so that a later failure loses nothing."""
    at_most_seconds: float
    module: str = "bench"
    """Where it lives; a checkout without it says "not measured"."""
    asked_for: bool = False
    """Runs only when it is named: its figure is no order's speed, and the whole is to stay short."""


async def baseline(scene: Scene, found: Outcome) -> None:
    """Put the same loads on what the seed describes."""
    symbols = SYMBOLS[: scene.size.singles]
    came = await measured(scene.home / "baseline", scene.size.accounts, symbols, scene.tell)
    found.curve("entry", BASELINE, came.entry)
    found.curve("single_entry", BASELINE, came.single_entry)
    found.curve("single_stop", BASELINE, came.single_stop)
    found.curve("burst", BASELINE, came.burst)
    found.facts["baseline_measured_at"] = datetime.now(UTC).isoformat(timespec="seconds")


async def sleepers(scene: Scene, found: Outcome) -> None:
    """Let 10,000 strategies wait, and press START and read beside them."""
    said = await apart.called("bench.sleepers", "measure", scene.size.sleepers)
    asleep = Figure("sleepers", said.pop("sleepers"), dict(said))
    asleep.holds = said["worker_mb"] <= WORKER_MB and said["idle_cpu_percent"] <= IDLE_PERCENT
    found.figures += [asleep, _rate(said, "start"), _rate(said, "read")]


async def ticks(scene: Scene, found: Outcome) -> None:
    """Decode and judge ticks, in memory and over a WebSocket."""
    for name, function in (
        ("ticks_per_second", "ticks_per_second"),
        ("tick_to_decision_p99_ms", "tick_to_decision"),
    ):
        found.figures.append(_given(name, await apart.called("bench.ticks", function)))
    found.figures.append(
        _given("trail_decision_p99_ms", await apart.called("bench.trails", "trail_decision"))
    )


async def paint(scene: Scene, found: Outcome) -> None:
    """Open every page of the app in a real browser."""
    measured = await apart.called("tests.browser.paint", "measure")
    shown = {"price_shown_p95_ms": measured.pop("price_shown_p95_ms")}
    found.figures += [_given("first_paint_p95_ms", measured), _given("price_shown_p95_ms", shown)]


async def order_call(scene: Scene, found: Outcome) -> None:
    """Compare what one order costs in the official client and in ours."""
    found.facts["order_call"] = await apart.called("bench.order_call", "measure")


BENCHES: Sequence[Bench] = (
    Bench("baseline", (), baseline, 180),
    Bench(
        "trading",
        (
            *("entry_lateness_p99_ms", "entry_lateness_p50_ms_single"),
            *("stop_single_p50_ms", "stop_burst_p99_ms"),
        ),
        trade,
        400,
    ),
    Bench(
        "protected",
        ("protected_p99_ms", "exit_by_modification_lateness_p99_ms"),
        protect,
        500,
        "bench.protected",
    ),
    Bench("same_user", ("same_user_lateness_p99_ms",), together, 300),
    Bench("failover", ("entry_failover_p99_ms",), lose_a_worker, 300),
    Bench("neighbours", ("neighbours_moved_p99_ms",), disturb, 200, asked_for=True),
    Bench(
        "noisy_tenant",
        ("noisy_tenant_attempts_ratio", "noisy_tenant_streams_ratio"),
        press,
        240,
        "bench.noisy_tenant",
        asked_for=True,
    ),
    Bench(
        "streams",
        ("streams_cpu_percent", "streams_read_p99_ms"),
        follow_all,
        300,
        "bench.streams",
        asked_for=True,
    ),
    Bench("telling", ("notice_p99_ms",), tell, 150, asked_for=True),
    Bench(
        "ticks",
        ("ticks_per_second", "tick_to_decision_p99_ms", "trail_decision_p99_ms"),
        ticks,
        150,
        "bench.ticks",
    ),
    Bench("order_call", (), order_call, 90, "bench.order_call"),
    Bench(
        "paint",
        ("first_paint_p95_ms", "price_shown_p95_ms"),
        paint,
        180,
        "tests.browser.paint",
        asked_for=True,
    ),
    Bench(
        "next_day",
        ("next_day_p99_s", "next_day_cpu_ms", "next_day_entry_lateness_p99_ms"),
        end_together,
        1200,
        "bench.next_day",
        asked_for=True,
    ),
    Bench("sleepers", ("sleepers", "start_p99_ms", "read_p99_ms"), sleepers, 600, "bench.sleepers"),
)


def chosen(names: Sequence[str]) -> list[Bench]:
    """Return the benches of these names, their own or their figures'; for none, all that need no asking.

    Raises `ValueError`.
    """
    known = {one.name for one in BENCHES} | set(GOALS)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"there is no {', '.join(unknown)}; there is {', '.join(sorted(known))}")
    if not names:
        return [one for one in BENCHES if not one.asked_for]
    return [one for one in BENCHES if one.name in names or set(one.figures) & set(names)]


COMPARED = {
    "entry_lateness_p99_ms": ("entry", BASELINE, 0.99),
    "entry_lateness_p50_ms_single": ("single_entry", BASELINE, 0.5),
    "stop_single_p50_ms": ("single_stop", BASELINE, 0.5),
    "stop_burst_p99_ms": ("burst", SIGNALS, 0.99),
}
"""What each figure stands beside: chart, curve, share."""


def compare(outcome: Outcome) -> None:
    """Put every figure beside what its ratio is taken to, as far as that was measured."""
    for figure in outcome.figures:
        if figure.name in COMPARED:
            chart, curve, share = COMPARED[figure.name]
            samples = outcome.samples.get(chart, {}).get(curve, ())
            figure.compared(rounded(percentile(samples, share)))
        if figure.name == "stop_burst_p99_ms":
            seed = outcome.samples.get("burst", {}).get(BASELINE, ())
            figure.also["baseline_p99"] = rounded(percentile(seed, 0.99))


def _rate(found: dict[str, Any], name: str) -> Figure:
    prefix = f"{name}_"
    also = {key.removeprefix(prefix): found[key] for key in found if key.startswith(prefix)}
    return Figure(f"{name}_p99_ms", found[f"{name}_p99_ms"], also, holds=not found.get(f"{name}_failed"))


def _given(name: str, found: dict[str, Any]) -> Figure:
    """Read `{name: value, "baseline"?: …, …}`; the ratio is taken here, as for every figure."""
    value, against = found.pop(name), found.pop("baseline", found.pop("baseline_p99_ms", None))
    found.pop("ratio", None)
    return Figure(name, value, found).compared(against)
