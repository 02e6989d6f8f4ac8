"""A pytest plugin that forgets every filter by user: `-p tests.unfiltered`, before ours is imported.

In the repositories that the API reads and writes through, each comparison of a `user_id` with what the caller
gave becomes true. What keeps users apart then is Postgres alone.
"""

import ast
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

_NAMES = (
    "accounts",
    "audit",
    "channels",
    "limits",
    "read_models",
    "strategy_view_row",
    "strategies",
    "idle_strategies",
)
REPOSITORIES = tuple(f"adapters.postgres.{name}" for name in _NAMES)


class Forget(ast.NodeTransformer):
    """Replaces `Row.user_id == whoever asks`; a join of two tables by their `user_id` stays."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        equal = len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq)
        if not equal or not _is_user_id(node.left) or _is_column(node.comparators[0]):
            return node
        self.forgotten.append(ast.unparse(node))
        true = ast.parse("__import__('sqlalchemy').true()", mode="eval").body
        return ast.copy_location(true, node)


def _is_user_id(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "user_id"


def _is_column(node: ast.AST) -> bool:
    return _is_user_id(node) and isinstance(node.value, ast.Name) and node.value.id[0].isupper()  # type: ignore[attr-defined]


def forgetful(source: str) -> tuple[ast.Module, list[str]]:
    """Return the module without its filters, and the filters."""
    forget = Forget()
    tree = forget.visit(ast.parse(source))
    return ast.fix_missing_locations(tree), forget.forgotten


class _Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data: Any, path: Any, **_: Any) -> CodeType:  # type: ignore[override]
        tree, _forgotten = forgetful(bytes(data).decode())
        return compile(tree, path, "exec", dont_inherit=True)

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)  # never what an ordinary import has left in the cache
        return self.source_to_code(self.get_data(path), path)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in REPOSITORIES:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        if found is not None and found.origin is not None:
            found.loader = _Loader(fullname, found.origin)
        return found


def pytest_load_initial_conftests() -> None:
    """Pytest's hook for plugins named with `-p`: the conftests, which import our rooms, come after it."""
    early = [name for name in REPOSITORIES if name in sys.modules]
    if early:
        raise RuntimeError(f"too late to forget the filters of {', '.join(early)}")
    sys.meta_path.insert(0, _Finder())
