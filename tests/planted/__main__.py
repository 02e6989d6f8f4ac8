"""`python -m tests.planted [words of a name]`: plant the bugs, tell what catches each."""

import json
import sys
from dataclasses import asdict

from tests.planted.bugs import BUGS
from tests.planted.runner import ROOT, Result, run

BEGIN, END = "<!-- planted -->", "<!-- /planted -->"


def main(words: str) -> int:
    chosen = [bug for bug in BUGS if words in bug.name]
    results: list[Result] = []
    for result in run(chosen):
        results.append(result)
        print(f"{result.seconds:6.1f} s  {result.name:<58} {result.caught_by or 'NOT CAUGHT'}", flush=True)  # noqa: T201
    lives = [result.name for result in results if result.caught_by is None]
    print(f"{len(results) - len(lives)} of {len(results)} planted bugs caught")  # noqa: T201
    if not words:
        file = ROOT / "bench" / "chaos.json"
        written = json.loads(file.read_text()) if file.exists() else {}
        written["planted"] = [asdict(result) for result in results]
        file.write_text(json.dumps(written, indent=1) + "\n")
        _write_page(results)
    return 1 if lives else 0


def _write_page(results: list[Result]) -> None:
    """Write the table into docs/reliability.md, between its marks."""
    page = ROOT / "docs" / "reliability.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = [f"| {one.name} | `{_file(one)}` | {one.seconds:.0f} |" for one in results]
    table = ["", "| bug | caught by | seconds |", "|---|---|---|", *rows, ""]
    page.write_text(before + BEGIN + "\n".join(table) + END + after)


def _file(result: Result) -> str:
    return result.caught_by.partition("::")[0] if result.caught_by else "not caught"


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
