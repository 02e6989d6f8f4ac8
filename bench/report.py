"""The table, on the terminal and as Markdown: the same cells."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import GOALS, Goal

TITLES = ("figure", "value", "target", "reached", "beside it", "ratio")
NOT_MEASURED = "not measured"
_VERDICT = {True: "yes", False: "no", None: "–"}


def rows(figures: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the cells of every figure in the order of the issue; one that is not there says so."""
    return [_row(name, goal, figures.get(name)) for name, goal in GOALS.items()]


def show(results: Mapping[str, Any], console: Console) -> None:
    """Print the table."""
    where = results["environment"]
    table = Table(title=f"{where['cores']} cores, {where['cpu']}, commit {where['commit']}")
    for title in TITLES:
        table.add_column(title, justify="left" if title == "figure" else "right", no_wrap=title == "figure")
    for row in rows(results["figures"]):
        table.add_row(*row)
    console.print(table, highlight=False, markup=False)


def _row(name: str, goal: Goal, entry: Mapping[str, Any] | None) -> tuple[str, ...]:
    if entry is None:
        return name, NOT_MEASURED, goal.words, "–", "", ""
    beside, ratio = entry.get("baseline"), entry.get("ratio")
    return (
        name,
        number(entry["value"], goal.unit),
        goal.words,
        _VERDICT[entry["reached"]],
        "" if beside is None else f"{number(beside, goal.unit)} ({goal.ratio_to})",
        "" if ratio is None else f"{ratio:,.1f} ×",
    )


def number(value: float | None, unit: str) -> str:
    """Return a value with its unit; what never came is said in words."""
    if value is None:
        return "never came"
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"
    return f"{digits} {unit}"
