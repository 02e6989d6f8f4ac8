"""No module imports another that imports it: neither at the top, nor in a function, nor for types alone."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.unit.test_rooms import MAY_IMPORT, ROOMS, ROOT


def test_no_two_modules_import_each_other() -> None:
    assert cycle(imports(ROOT)) == []


def test_a_cycle_hidden_in_a_function_is_found(tmp_path: Path) -> None:
    room = tmp_path / "domain"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "one.py").write_text("def late():\n    from domain import two\n    return two\n")
    (room / "two.py").write_text("from domain.three import x\n")
    (room / "three.py").write_text("import domain.one\nx = 1\n")
    assert set(cycle(imports(tmp_path))) == {"domain.one", "domain.two", "domain.three"}


def cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of one cycle, the first again at the end; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def imports(root: Path) -> dict[str, set[str]]:
    """Return the modules of the tree and what each imports of them, anywhere in its file."""
    paths = [path for room in ROOMS | {"bench", "tests"} for path in (root / room).rglob("*.py")]
    paths += [root / name for name in MAY_IMPORT if (root / name).exists()]
    modules = {_name(path.relative_to(root)): path for path in paths}
    return {
        name: {found for found in _imported(path, set(modules)) if found != name}
        for name, path in modules.items()
    }


def _imported(path: Path, modules: set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{path}: imports are absolute"
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & modules
            yield from inner
            if len(inner) < len(node.names) and node.module in modules:
                yield node.module


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
