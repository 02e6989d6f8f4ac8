"""A million strategies on paper: the arithmetic, from what one of them was measured to cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STRATEGIES = 1_000_000
SAME_SECOND = 100_000
"""BUYs due at 09:15:00 on a bad day: a tenth of all."""
HIT_BY_ONE_TICK = 50_000
"""Stops of one share hit by one tick on a bad day."""
TRADING_SECONDS = 6 * 3600
BATCH = 256


@dataclass(frozen=True, slots=True)
class Costs:
    """What one strategy costs, measured; None where it was not."""

    commits: float | None
    wal_bytes: float | None
    events: float | None
    history_bytes: float | None
    order_cpu_us: float | None
    ticks_per_second: float | None
    temporal_kb_asleep: float | None
    worker_kb_asleep: float | None
    starts_per_second: float | None

    @classmethod
    def of(cls, results: Mapping[str, Any]) -> "Costs":
        figures, facts = results.get("figures", {}), results.get("facts", {})
        day, asleep = facts.get("strategy_day", {}), figures.get("sleepers", {})
        each = facts.get("seconds_per_create_and_start")
        return cls(
            commits=day.get("postgres_commits"),
            wal_bytes=day.get("postgres_wal_bytes"),
            events=day.get("temporal_events"),
            history_bytes=day.get("temporal_history_bytes"),
            order_cpu_us=facts.get("order_call", {}).get("ours_cpu_us"),
            ticks_per_second=figures.get("ticks_per_second", {}).get("value"),
            temporal_kb_asleep=_asleep(asleep, "temporal"),
            worker_kb_asleep=_asleep(asleep, "worker"),
            starts_per_second=1 / each if each else None,
        )


def steps(results: Mapping[str, Any]) -> str | None:
    """Return the measured costs of one strategy as Markdown; None when there are none."""
    costs = Costs.of(results)
    said = (
        ("Postgres, one strategy's day (START, BUY, stop-loss, SELL): **{:.1f} commits**", costs.commits),
        ("… and **{:,.0f} bytes** of WAL", costs.wal_bytes),
        ("Temporal, the same day: **{:.0f} events**", costs.events),
        ("… of **{:,.0f} bytes**", costs.history_bytes),
        ("one order call: **{:.0f} µs** of a core", costs.order_cpu_us),
        ("one core judges **{:,.0f} ticks/s** against 100,000 stops", costs.ticks_per_second),
        ("one sleeping strategy: **{:.1f} kB** in the Temporal server", costs.temporal_kb_asleep),
        ("… and **{:.1f} kB** in the worker", costs.worker_kb_asleep),
        ("create and START, everything on two cores: **{:.0f}/s**", costs.starts_per_second),
    )
    known = [f"- {words.format(value)}" for words, value in said if value is not None]
    return "\n".join(known) or None


def arithmetic(results: Mapping[str, Any]) -> str | None:
    """Return the arithmetic as Markdown, each line with its factors; None before one day was measured.

    A line that lacks a factor says that it was not measured.
    """
    costs = Costs.of(results)
    if costs.commits is None:
        return None
    a_second = STRATEGIES / TRADING_SECONDS
    lines = (
        ("Postgres commits a day", STRATEGIES, "strategies", costs.commits, "commits", 1, ""),
        ("… spread over a trading day", a_second, "strategies/s", costs.commits, "commits", 1, "/s"),
        ("WAL a day", STRATEGIES, "strategies", costs.wal_bytes, "bytes", 1e9, " GB"),
        ("Temporal events a day", STRATEGIES, "strategies", costs.events, "events", 1e6, " million"),
        ("Temporal histories of a day", STRATEGIES, "strategies", costs.history_bytes, "bytes", 1e9, " GB"),
        ("Temporal server, asleep", STRATEGIES, "strategies", costs.temporal_kb_asleep, "kB", 1e6, " GB"),
        ("order calls at 09:15:00", SAME_SECOND, "orders", costs.order_cpu_us, "µs", 1e6, " core-seconds"),
        ("exits after one tick", HIT_BY_ONE_TICK, "orders", costs.order_cpu_us, "µs", 1e6, " core-seconds"),
    )
    claims = math.ceil(SAME_SECOND / BATCH)
    claimed = (
        f"- claims at 09:15:00: {SAME_SECOND:,} orders ÷ {BATCH} a statement = **{claims:,} statements**"
    )
    return "\n".join([*(_times(*line) for line in lines), claimed])


def _asleep(figure: Mapping[str, Any], part: str) -> float | None:
    """Return the kB that one sleeper adds to a part."""
    try:
        full, empty = figure["sleepers_parts"][part], figure["empty_parts"][part]
        more = float(full["memory_mb"]) - float(empty["memory_mb"])
        return max(0.0, more * 1024 / float(figure["value"]))
    except (KeyError, TypeError, ZeroDivisionError):
        return None


def _times(what: str, count: float, of: str, cost: float | None, each: str, per: float, unit: str) -> str:
    if cost is None:
        return f"- {what}: not measured"
    result = count * cost / per
    product = f"{result:,.0f}" if result >= 100 else f"{result:.2g}"
    return f"- {what}: {count:,.0f} {of} × {cost:,g} {each} = **{product}{unit}**"
