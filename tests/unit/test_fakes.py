"""Each port of `domain/` has one fake and one contract suite in CONTRIBUTING.md's table, or a reason here."""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FAKES = ROOT / "tests" / "fakes"
SUITES = ROOT / "tests" / "contract"
_ROW = re.compile(r"^\| `(\w+)` \| `([\w/.]+)` \| `(\w+)\.(\w+)` \| `(\w+\.py)` \|$", re.MULTILINE)

NO_SUITE_YET = {
    "AccountMoves": "one call; test_account_reads.py holds the real one, as the listener's role",
    "Logins": "no test needs a fake: a login is tried through the worker, by the whole product's tests",
    "QuoteTurns": "no test needs a fake; test_quote_turns.py holds the real one, in several processes",
    "AccountMails": "no test needs a fake; test_mailed_links.py holds the real one with a mail server",
    "ReadTurns": "one call; test_read_turns.py holds the real one, by four processes at once",
    "Courier": "no test needs a fake; test_notice_delivery.py holds the real one with servers that receive",
    "Outages": "the fake says what a test tells it; test_outages.py holds the real one",
    "Outbox": "no test needs a fake; test_notices.py holds the real one",
    "PriceReceiver": "the listener itself",
    "Ticks": "data: there is one kind, that tests use too",
    "Column": "data: numpy's or the standard library's array",
}
"""Ports without a row, each with the reason. A port that gets its suite leaves this list."""

SIMULATED = {
    "DayClock": "a worker's clock that may be wrong, on the day's own time",
    "Accounts": "accounts at an exchange that loses answers and kills logins, as a day's plan says",
    "SimulatedRuns": "runs of the product's own workflow, which an operator ends at any step of a series",
    "_Log": "each worker process of a day sees its own, over one log that the contract suite holds",
}
"""Parts of the simulated day that stand for a port beside its fake: the day's faults strike in them."""


def rows() -> list[tuple[str, ...]]:
    return _ROW.findall((ROOT / "CONTRIBUTING.md").read_text())


def classes(file: Path) -> dict[str, ast.ClassDef]:
    tree = ast.parse(file.read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def ports() -> set[str]:
    """Return the protocols of `domain/`, by name."""
    return {
        name
        for file in (ROOT / "domain").rglob("*.py")
        for name, node in classes(file).items()
        if any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    }


def test_each_port_has_a_row_or_a_reason() -> None:
    listed = [row[0] for row in rows()]
    assert [name for name, times in Counter(listed).items() if times > 1] == []
    assert set(listed) & set(NO_SUITE_YET) == set()
    assert set(listed) | set(NO_SUITE_YET) == ports()


def test_each_row_names_what_is_there() -> None:
    for port, adapter, module, fake, suite in rows():
        assert (ROOT / adapter).is_file(), adapter
        assert fake in classes(FAKES / f"{module}.py"), f"the fake of {port}"
        text = (SUITES / suite).read_text()
        if "tests.store_rows" in text:  # where the adapters of the order log and the run store are made
            text += (ROOT / "tests" / "store_rows.py").read_text()
        assert fake in text, f"{suite} does not hold {fake}"
        assert adapter.removesuffix(".py").replace("/", ".") in text, f"{suite} does not hold {adapter}"
        assert re.search(rf"\b{port}\b", text), f"{suite} does not name {port}"


def test_a_port_with_a_row_has_no_second_fake() -> None:
    held = {row[0]: row[3] for row in rows()}
    said = re.compile(r"Implements `domain\.[\w.]+\.(\w+)`")
    for file in (ROOT / "tests").rglob("*.py"):
        if file == Path(__file__):
            continue
        for name, node in classes(file).items():
            found = said.search(ast.get_docstring(node) or "")
            if name in SIMULATED and file.parent.name == "simulation":
                continue
            if found and found[1] in held:
                assert name == held[found[1]], f"{file} has a second {found[1]}"
