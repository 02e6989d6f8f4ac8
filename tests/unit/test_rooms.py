"""What the top-level modules may import: import-linter sees packages only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = {
    *("domain", "workflows", "activities", "execution", "api", "listener", "adapters", "paper", "local"),
    *("services", "migrations"),
}
MAY_IMPORT = {
    "settings.py": set(),
    "cli.py": {"cli_settings", "settings", "local"},
    "cli_settings.py": {"settings", "local"},
    "worker.py": {"settings", "wiring", "workflows", "activities", "execution", "adapters", "domain"},
    "wiring.py": {"settings", "workflows", "activities", "execution", "adapters", "domain"},
}


def imported(path: Path) -> set[str]:
    """Return the top-level names of every import anywhere in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("module", sorted(MAY_IMPORT))
def test_top_level_module_imports_only_its_rooms(module: str) -> None:
    ours = imported(ROOT / module) & (ROOMS | {"settings", "cli", "cli_settings", "worker", "wiring"})
    assert ours <= MAY_IMPORT[module]


def test_every_room_is_packaged() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packaged = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert set(packaged) == {f"{room}*" for room in ROOMS}
    assert set(project["tool"]["importlinter"]["root_packages"]) == ROOMS
    checked = project["tool"]["mypy"]
    assert set(checked["packages"]) == ROOMS | {"bench", "tests"}
    assert {f"{module}.py" for module in checked["modules"]} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", ["workflows", "activities", "execution", "domain"])
def test_no_clock_is_read_in_the_deterministic_rooms(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
                owner = ast.unparse(node.value)
                assert owner not in {"datetime", "date", "datetime.datetime"}, f"{path}: {ast.unparse(node)}"
