"""`bench/results.json`: one entry a figure; and the raw samples beside it, for the charts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.figures import GOALS, Figure, rounded
from bench.outcome import Outcome, Size

RESULTS, SAMPLES = "results.json", "samples.json"
Results = dict[str, Any]


def merged(
    before: Results, outcome: Outcome, where: Mapping[str, Any], size: Size, seconds: Mapping[str, float]
) -> Results:
    """Return the results with what was measured now in the place of what was there; the rest stays as it was.

    Each figure carries its own date and commit, so that an old one next to a new one shows.
    """
    figures = {name: before.get("figures", {}).get(name) for name in GOALS}
    figures |= {figure.name: _entry(figure, where, size) for figure in outcome.figures}
    return {
        "environment": dict(where),
        "size": {"accounts": size.accounts, "singles": size.singles, "sleepers": size.sleepers},
        "figures": {name: entry for name, entry in figures.items() if entry is not None},
        "facts": before.get("facts", {}) | outcome.facts,
        "seconds": before.get("seconds", {}) | {name: round(took, 1) for name, took in seconds.items()},
    }


def _entry(figure: Figure, where: Mapping[str, Any], size: Size) -> dict[str, Any]:
    goal = figure.goal
    return figure.also | {
        "value": figure.value,
        "unit": goal.unit,
        "what": goal.what,
        "target": goal.words,
        # A smaller load proves nothing about the target.
        "reached": figure.reached if size.is_full else None,
        "baseline": figure.against,
        "ratio": rounded(figure.ratio),
        "ratio_to": goal.ratio_to if figure.against is not None else None,
        "measured_at": where["date"],
        "commit": where["commit"],
        "load_before": where["load_before"],
    }


def read(directory: Path, name: str) -> dict[str, Any]:
    """Return what a file of the directory holds; empty when there is none."""
    path = directory / name
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def write(directory: Path, results: Results, samples: Mapping[str, Mapping[str, Any]]) -> None:
    """Write both files."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / RESULTS).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (directory / SAMPLES).write_text(json.dumps(samples, separators=(",", ":")) + "\n")
