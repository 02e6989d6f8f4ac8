"""A migration adds and takes nothing away: processes of the version before run on its schema."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FROM = "0037"
"""The rule is as old as this one."""
TAKES_AWAY = {"drop_column", "drop_table", "rename_table"}
TAKING_AWAY = ("DROP COLUMN", "DROP TABLE", "RENAME ", "SET NOT NULL", "REVOKE ")
"""The same in SQL."""
CONTRACTS = "CONTRACTS"
"""A constant of a migration that takes away what no running version uses any more: since which revision."""


def upgrades(source: str) -> list[ast.Call]:
    (upgrade,) = (node for node in ast.parse(source).body if getattr(node, "name", "") == "upgrade")
    return [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]


def faults(source: str) -> list[str]:
    """Name each call that older code may not survive."""
    if any(
        isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == CONTRACTS
        for node in ast.parse(source).body
    ):
        return []
    found = []
    for call in upgrades(source):
        name = ast.unparse(call.func).rpartition(".")[2]
        named = {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg}
        if name in TAKES_AWAY:
            found.append(f"line {call.lineno}: {name}")
        if name == "alter_column" and (
            named.get("nullable") == "False" or named.keys() & {"new_column_name", "type_"}
        ):
            found.append(f"line {call.lineno}: alter_column")
        unfilled = "nullable=False" in ast.unparse(call) and "server_default" not in ast.unparse(call)
        if name == "add_column" and unfilled:
            found.append(f"line {call.lineno}: a column that older code does not fill")
        taken = ast.unparse(call)
        if name == "execute" and any(word in taken for word in TAKING_AWAY) and not is_new(taken, source):
            found.append(f"line {call.lineno}: SQL that takes away")
    return found


def is_new(statement: str, source: str) -> bool:
    """Tell whether it closes a function that the same migration creates: no running version calls that."""
    closes = re.search(r"REVOKE ALL ON FUNCTION (\w+)\(", statement)
    return closes is not None and f"CREATE FUNCTION {closes[1]}(" in source


def migrations() -> list[Path]:
    found = sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    return [path for path in found if path.name[:4] >= FROM]


@pytest.mark.parametrize("path", migrations(), ids=lambda path: path.stem)
def test_a_migration_takes_nothing_away(path: Path) -> None:
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        'op.drop_column("orders", "tag")',
        'op.drop_table("orders")',
        'op.alter_column("orders", "tag", nullable=False)',
        'op.alter_column("orders", "tag", new_column_name="mark")',
        'op.add_column("orders", sa.Column("more", sa.String(), nullable=False))',
        'op.execute("ALTER TABLE orders DROP COLUMN tag")',
    ],
)
def test_the_check_notices_what_older_code_does_not_survive(line: str) -> None:
    assert len(faults(f"def upgrade():\n    {line}\n")) == 1
    assert faults(f'CONTRACTS = "0036"\ndef upgrade():\n    {line}\n') == []
