"""The table of a chaos run."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

SHOWN = 25


def show(result: Mapping[str, Any], console: Console) -> None:
    """Print what was done to the product, and what came of it."""
    table = Table(title=f"{result['days']} strategy days in {result['seconds']:g} s, seed {result['seed']}")
    table.add_column("what")
    table.add_column("how often")
    for title, name in (
        ("days", "kinds"),
        ("faults", "faults"),
        ("kills", "kills"),
        ("hands of others", "hands"),
        ("inside the window", "window"),
        ("stops at the exchange", "protected"),
        ("outcomes", "outcomes"),
        ("as planned, with in their way", "as_planned"),
        ("checked", "checked"),
        ("violations", "violations_by_invariant"),
    ):
        found = result.get(name) or {"none": ""}
        table.add_row(title, ", ".join(f"{key} {count}".strip() for key, count in found.items()))
    console.print(table, highlight=False)
    for one in result["violations"][:SHOWN]:
        console.print(
            f"[{one['invariant']}] {one.get('strategy') or '-'}: {one['what']}", style="red", markup=False
        )
    if len(result["violations"]) > SHOWN:
        console.print(f"… and {len(result['violations']) - SHOWN} more, in result.json")
