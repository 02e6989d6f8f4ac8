"""One chart a claim, as SVG that is the same to the byte for the same samples."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.ticker import LogLocator, NullFormatter

from bench.outcome import BASELINE, OURS, SIGNALS
from bench.spread import Samples, steps

COLOURS = {
    OURS: "#0b6e4f",
    SIGNALS: "#8a8d91",
    BASELINE: "#c8553d",
}
GOAL_COLOUR = "#4a4e54"
_STYLE: Any = {
    "svg.hashsalt": "stopwatch",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e6e8",
    "figure.figsize": (7.0, 3.2),
}

Curves = Mapping[str, Samples]


def draw(directory: Path, results: Mapping[str, Any], samples: Mapping[str, Curves]) -> dict[str, str]:
    """Draw every chart there are samples for; return `{name: caption}` in the order of the claims."""
    directory.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, str] = {}
    with mpl.rc_context(_STYLE):
        for name, (caption, axis, goal) in _DISTRIBUTIONS.items():
            if curves := samples.get(name):
                _saved(directory, name, lambda axes: _distribution(axes, curves, axis, goal))  # noqa: B023
                drawn[name] = caption
        asleep = results.get("figures", {}).get("sleepers", {})
        if "sleepers_parts" in asleep:
            _saved(directory, "sleepers", lambda axes: _memory(axes, asleep))
            drawn["sleepers"] = "Memory of each part, empty and with the sleepers"
        ticks = results.get("figures", {}).get("ticks_per_second", {})
        if ticks.get("value") and ticks.get("baseline"):
            _saved(directory, "ticks", lambda axes: _ticks(axes, ticks))
            drawn["ticks"] = "Ticks decoded and judged a second on one core"
    return drawn


_DISTRIBUTIONS = {
    "entry": (
        "A thousand BUYs due in the same second: share received by the exchange, by lateness",
        "ms after the second (log)",
        300,
    ),
    "failover": (
        "The same with one of two workers killed two seconds before: share received, by lateness",
        "ms after the second (log)",
        1500,
    ),
    "burst": (
        "One tick hits a thousand stops: share of the SELLs received, by time since the tick",
        "ms after the tick (log)",
        800,
    ),
    "notice": (
        "Fills one at a time: share of the notices arrived, by time since the order",
        "ms after the order was received (log)",
        2000,
    ),
    "single_entry": (
        "BUYs one at a time: share received, by lateness",
        "ms after the second (log)",
        5,
    ),
    "single_stop": (
        "Stops hit one at a time: share of the SELLs received, by time since the tick",
        "ms after the tick (log)",
        10,
    ),
}


def _saved(directory: Path, name: str, draw_on: Callable[[Any], None]) -> None:
    figure, axes = plt.subplots()
    draw_on(axes)
    figure.tight_layout()
    # Without its date a chart of the same samples is the same file.
    figure.savefig(directory / f"{name}.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _distribution(axes: Any, curves: Curves, axis: str, goal: float) -> None:
    for name, samples in curves.items():
        x, y = steps(samples)
        # Early by a clock's breadth is on time: a logarithm knows no zero.
        axes.step([max(value, 0.1) for value in x], y, where="post", label=name, color=COLOURS[name])
    axes.axvline(goal, color=GOAL_COLOUR, linestyle=":", linewidth=1, label=f"target {goal:,g} ms")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(axis)
    axes.set_ylabel("share of all")
    axes.legend(loc="best", frameon=False)


def _memory(axes: Any, asleep: Mapping[str, Any]) -> None:
    parts = [part for part in asleep["sleepers_parts"] if part != "up"]
    for offset, (label, found, colour) in enumerate(
        (
            ("empty", asleep.get("empty_parts", {}), COLOURS[SIGNALS]),
            (f"{asleep['value']:,} waiting", asleep["sleepers_parts"], COLOURS[OURS]),
        )
    ):
        heights: Sequence[float] = [found.get(part, {}).get("memory_mb", 0) for part in parts]
        axes.bar(
            [place + 0.38 * offset for place in range(len(parts))], heights, 0.36, label=label, color=colour
        )
    axes.set_xticks([place + 0.19 for place in range(len(parts))], parts)
    axes.set_ylabel("MB")
    axes.legend(frameon=False)


def _ticks(axes: Any, ticks: Mapping[str, Any]) -> None:
    names, values = (OURS, str(ticks["ratio_to"])), (ticks["value"], ticks["baseline"])
    axes.barh(names, [value / 1e6 for value in values], color=[COLOURS[OURS], COLOURS[BASELINE]])
    axes.set_xlabel("million ticks a second")
