"""Laws of our own that no linter knows, checked on the syntax trees; each catches a planted violation."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = (
    "domain",
    "workflows",
    "activities",
    "execution",
    "services",
    "api",
    "listener",
    "adapters",
    "local",
    "migrations",
)
PLACERS = {"execution/order_sender.py", "execution/degraded_exit.py", "services/probe/account.py"}
"""Who hands an order to the broker's port: the order sender, the exit without Postgres, and the probe, which
trades one share by an operator's word at each step."""
PASSES_ON = {"adapters/kite/traced.py"}
"""Who wraps the account itself: what it is handed goes on once, as it came."""
REVIEWED_SQL = {
    "migrations/roles.py": 4,  # constants, and columns of the catalogue; Postgres itself quotes the names
    "migrations/versions/0001_tables.py": 2,  # constants
    "migrations/versions/0004_row_security.py": 5,  # constants
    "migrations/versions/0006_logins.py": 3,  # constants
    "migrations/versions/0007_audit.py": 1,  # constants
    "migrations/versions/0012_notices.py": 3,  # constants
    "local/postgres.py": 1,  # a constant's name
}
"""Statements put together from text, each looked at: how many a file has. Values are never among it."""
_SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|GRANT|REVOKE|TRUNCATE|WITH|SET)\s")
_ORDER_ROUTE = re.compile(r"order\.place|/orders/(regular|amo|co|iceberg|auction)")
_CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter", "time_ns"}
_OUTSIDE = {
    "open",
    "uuid1",
    "uuid4",
    "getenv",
    "urandom",
    "urlopen",
    "Path",
    "run",
    "Popen",
    "print",
    "input",
}
_UNFIT = {
    "time",
    "random",
    "secrets",
    "os",
    "socket",
    "subprocess",
    "requests",
    "aiohttp",
    "httpx",
    "pathlib",
}

BROKER_PATH = (
    "adapters/kite/",
    "adapters/postgres/",
    "activities/",
    "execution/",
    "domain/",
    "listener/",
    "workflows/",
)
REVIEWED_ZEROS = {
    "adapters/kite/connection.py": 1,  # no status line yet: no status that ends an answer early
    "adapters/postgres/scheduled_orders.py": 2,  # a count; and what a scheduled order wants: always given
    "adapters/postgres/operator_alerts.py": 1,  # a list for people
    "adapters/postgres/sealed.py": 1,  # a count
}
Law = Callable[[str, ast.Module], Iterator[str]]


def orders_leave_by_the_kite_adapter_only(path: str, tree: ast.Module) -> Iterator[str]:
    """Only `adapters/kite` names the broker's order routes; only the placers call the port."""
    if path.startswith("adapters/kite/"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("place_order", "place_gtt", "modify_order"):
            yield f"line {node.lineno}: {node.attr}"
        if isinstance(node, ast.Constant) and _ORDER_ROUTE.search(str(node.value)):
            yield f"line {node.lineno}: {node.value!r}"
        if path not in PLACERS and isinstance(node, ast.Call) and _is_place(node.func):
            yield f"line {node.lineno}: {ast.unparse(node.func)}"


def _is_place(called: ast.expr) -> bool:
    return isinstance(called, ast.Attribute) and called.attr == "place"


def workflows_read_no_clock_no_chance_and_nothing_outside(path: str, tree: ast.Module) -> Iterator[str]:
    """A workflow is run again from its history: what differs the second time breaks it."""
    part = path.startswith("workflows/run_")
    if not part and not (path.startswith("workflows/") and "@workflow.defn" in ast.unparse(tree)):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            names = [module, *(alias.name for alias in node.names)]
            yield from (
                f"line {node.lineno}: import {name}" for name in names if name.split(".")[0] in _UNFIT
            )
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            owner, _, last = name.rpartition(".")
            if owner != "workflow" and (
                last in _CLOCKS or (last in _OUTSIDE and owner in ("", "uuid", "io"))
            ):
                yield f"line {node.lineno}: {name}"


def sql_is_never_put_together_from_text(path: str, tree: ast.Module) -> Iterator[str]:
    """No f-string, `%`, `+`, `.format` or join makes a statement; values are bound."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            made = any(isinstance(part, ast.FormattedValue) for part in node.values)
        elif isinstance(node, ast.BinOp):
            made = isinstance(node.op, ast.Mod | ast.Add)
        elif isinstance(node, ast.Call):
            made = isinstance(node.func, ast.Attribute) and node.func.attr == "format"
        else:
            continue
        if made and _SQL.match(_first_text(node)):
            yield f"line {node.lineno}: {ast.unparse(node)[:80]}"


def unknown_is_never_zero(path: str, tree: ast.Module) -> Iterator[str]:
    """What the broker or the store did not say is None or an exception; a zero would be traded on."""
    if not path.startswith(BROKER_PATH):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and _is_zero(node.values[-1]):
            yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            reads = (
                node.func.attr == "get" if isinstance(node.func, ast.Attribute) else node.func.id == "getattr"
            )
            if reads and len(node.args) > 1 and _is_zero(node.args[-1]):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def _is_zero(node: ast.expr) -> bool:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Decimal", "int", "float"):
        return not node.args or _is_zero(node.args[0])
    return isinstance(node, ast.Constant) and str(node.value) in ("0", "0.0") and node.value is not False


def _first_text(node: ast.AST) -> str:
    """Return the text a string expression begins with."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return _first_text(node.values[0]) if node.values else ""
    if isinstance(node, ast.BinOp):
        return _first_text(node.left)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _first_text(node.func.value)
    return ""


LAWS: dict[Law, dict[str, str]] = {
    orders_leave_by_the_kite_adapter_only: {
        "api/planted.py": "kite.place_order(variety='regular')",
        "listener/planted.py": "session.post('https://api.kite.trade/orders/regular', data=form)",
        "workflows/planted.py": "async def run(broker): await broker.place(order, 7, 2)",
    },
    workflows_read_no_clock_no_chance_and_nothing_outside: {
        "workflows/clock.py": "@workflow.defn\nclass Run:\n    async def run(self): return datetime.now(UTC)",
        "workflows/chance.py": "import random\n@workflow.defn\nclass Run:\n    pass",
        "workflows/id.py": "@workflow.defn\nclass Run:\n    async def run(self): return uuid4()",
        "workflows/file.py": "@workflow.defn\nclass Run:\n    async def run(self): open('/etc/hosts')",
        "workflows/run_part.py": "class Exit:\n    async def sell(self): return datetime.now(UTC)",
    },
    sql_is_never_put_together_from_text: {
        "adapters/f_string.py": "text(f\"SELECT * FROM users WHERE email = '{email}'\")",
        "adapters/percent.py": "text('DELETE FROM orders WHERE tag = %s' % tag)",
        "adapters/plus.py": "session.execute('SELECT * FROM orders ORDER BY ' + column)",
        "adapters/method.py": "query = 'UPDATE users SET email = {}'.format(email)",
    },
    unknown_is_never_zero: {
        "adapters/kite/default.py": "quantity = row.get('quantity', 0)",
        "activities/or_zero.py": "held = positions.get(symbol) or 0",
        "domain/or_decimal.py": "price = seen.average_price or Decimal('0')",
        "listener/attribute.py": "last = getattr(quote, 'last_price', 0.0)",
    },
}


REVIEWED: dict[Law, dict[str, int]] = {
    sql_is_never_put_together_from_text: REVIEWED_SQL,
    unknown_is_never_zero: REVIEWED_ZEROS,
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    for path in sorted([*files, *ROOT.glob("*.py")]):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law_is_kept_everywhere(law: Law) -> None:
    broken = {path: found for path, tree in sources() if (found := list(law(path, tree)))}
    looked_at = {path: len(found) for path, found in broken.items()}
    assert looked_at == REVIEWED.get(law, {}), broken


@pytest.mark.parametrize(
    ("law", "path", "source"),
    [(law, path, source) for law, planted in LAWS.items() for path, source in planted.items()],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_planted_violation_is_caught(law: Law, path: str, source: str) -> None:
    assert list(law(path, ast.parse(source)))


def test_the_laws_look_at_what_they_are_about() -> None:
    paths = {path for path, _ in sources()}
    assert PLACERS | REVIEWED_SQL.keys() | REVIEWED_ZEROS.keys() <= paths
    placing = {
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _is_place(node.func)
    }
    assert placing == PLACERS | PASSES_ON
    workflows = {
        path
        for path, tree in sources()
        if path.startswith("workflows/") and "@workflow.defn" in ast.unparse(tree)
    }
    assert "workflows/strategy_run.py" in workflows
