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
    "Broker": "the fake says what a test tells it; test_kite_broker.py holds the real one",
    "Brokers": "its fakes have one account, or one for each user; test_kite_accounts.py holds the real one",
    "Clock": "a fake clock moves when a test says so: that is all it shares with the host's",
    "Alerts": "`raise_` returns nothing and raises nothing that a caller relies on",
    "Logins": "has no fake",
    "ScheduledOrderLog": "the fake knows one worker; test_store_armed.py holds the real one",
    "QuoteTurns": "has no fake; test_quote_turns.py holds the real one",
    "Reconciliation": "one stand-in, in test_reconciler_round.py; test_reconciling.py holds the real one",
    "Rounds": "one stand-in, in test_reconciler_round.py; test_watchers.py holds the real one",
    "OperatorAlerts": "one stand-in, in test_morning_alerts.py, that answers nothing",
    "OpenRuns": "one stand-in, in test_reconciler_round.py; test_reconciling.py holds the real one",
    "WatchList": "the fake has no roles; test_store_watch.py holds the real one",
    "StopSignals": "the fake keeps what is sent; the real one is Temporal's client",
    "Courier": "has no fake; test_notices.py holds the real one with the servers of tests/receivers.py",
    "Outages": "the fake says what a test tells it; test_outages.py holds the real one",
    "Outbox": "has no fake; test_notices.py holds the real one",
    "PriceReceiver": "the listener itself",
    "PriceFeed": "test_kite_feed.py holds the real one; the fake says what a test makes it say",
    "MarketData": "opens the feed and asks for quotes: see `PriceFeed` and `Broker`",
    "Ticks": "data: there is one kind, that tests use too",
    "Column": "data: numpy's or the standard library's array",
    "TradingCalendar": "the fake knows weekdays only; test_calendar.py holds the real one",
}
"""Ports without a row, each with the reason. A port that gets its suite leaves this list."""


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
            if found and found[1] in held:
                assert name == held[found[1]], f"{file} has a second {found[1]}"
