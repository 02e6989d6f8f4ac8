"""The walks in docs/architecture.md are true: each step exists and hands over to the next."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
WALKS = {"A tick's way to a SELL": (18, 10), "START's way to a BUY": (28, 18)}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Step:
    """A row of a walk."""

    file: str
    function: str
    how: str

    @property
    def name(self) -> str:
        return self.function.rpartition(".")[2]

    @property
    def room(self) -> str:
        return self.file.partition("/")[0]


def walk_of(title: str) -> tuple[int, int, list[Step]]:
    """Return the files and borders that the page states, and the steps of its table."""
    found = re.search(rf"{title}: (\d+) files, (\d+) borders\.\n\n((?:\|.*\n)+)", PAGE)
    assert found, title
    rows = re.findall(r"^\| `([\w/.]+)` \| `([\w.]+)` \| (.+) \|$", found[3], re.MULTILINE)
    assert len(rows) == found[3].count("\n") - 2, "a row that cannot be read"
    return int(found[1]), int(found[2]), [Step(*row) for row in rows]


@cache
def tree_of(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text())


def function_of(file: str, name: str) -> Function | None:
    """Return `Class.method` or `function` of a file."""
    body: list[ast.stmt] = tree_of(file).body
    *owner, method = name.split(".")
    if owner:
        classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == owner[0]]
        body = classes[0].body if classes else []
    return next((node for node in body if isinstance(node, Function) and node.name == method), None)


def names_in(step: Step) -> set[str]:
    """Return every name and attribute that the step's function refers to."""
    function = function_of(step.file, step.function)
    nodes = ast.walk(function) if function else ()
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in nodes
        if isinstance(node, ast.Name | ast.Attribute)
    }


def decorated(step: Step, words: str) -> bool:
    function = function_of(step.file, step.function)
    return function is not None and any(words in ast.unparse(one) for one in function.decorator_list)


def in_words(how: str) -> list[str]:
    return re.findall(r"`([^`]+)`", how)


def hands_over(before: Step, step: Step, earlier: list[Step]) -> bool:
    """Tell whether one step leads to the next in the way that the page says."""
    words = in_words(step.how)
    match step.how.split(" `")[0]:
        case "call":
            return step.name in names_in(before)
        case "port":
            promised = function_of(words[1], f"{words[0]}.{step.name}")
            return promised is not None and step.name in names_in(before)
        case "returned":
            return before.name in names_in(step)
        case "returned by port":
            promised = function_of(words[1], f"{words[0]}.{before.name}")
            return promised is not None and before.name in names_in(step)
        case "shared":
            return words[0] in names_in(before) & names_in(step)
        case "route":
            return before.function.partition(".")[0] in (ROOT / "api/app.py").read_text() and decorated(
                step, "router.post"
            )
        case "activity named in":
            callers = [one for one in earlier if one.function == words[0]]
            named = any(step.name in names_in(one) for one in callers)
            return named and decorated(step, "activity.defn")
    return False


@pytest.mark.parametrize("title", WALKS)
def test_each_step_of_a_walk_exists(title: str) -> None:
    steps = walk_of(title)[2]
    assert [step for step in steps if function_of(step.file, step.function) is None] == []


@pytest.mark.parametrize("title", WALKS)
def test_each_step_of_a_walk_leads_to_the_next(title: str) -> None:
    steps = walk_of(title)[2]
    assert steps[0].how == "start"
    broken = [
        (steps[at - 1], steps[at])
        for at in range(1, len(steps))
        if not hands_over(steps[at - 1], steps[at], steps[:at])
    ]
    assert broken == []


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_is_as_short_as_the_page_says(title: str) -> None:
    files, borders, steps = walk_of(title)
    crossed = sum(steps[at - 1].room != steps[at].room for at in range(1, len(steps)))
    assert (len({step.file for step in steps}), crossed) == (files, borders)
    assert files <= WALKS[title][0]
    assert borders <= WALKS[title][1]


@pytest.mark.parametrize("title", WALKS)
def test_a_step_that_is_left_out_is_found(title: str) -> None:
    steps = walk_of(title)[2]
    whole = [
        at
        for at in range(1, len(steps) - 1)
        if steps[at].how == steps[at + 1].how == "call"
        and hands_over(steps[at - 1], steps[at + 1], steps[:at])
    ]
    assert whole == []


def test_each_file_that_the_page_names_exists() -> None:
    named = re.findall(r"`([\w.-]+/[\w./-]+\.(?:py|md|yml))`", PAGE)
    assert len(named) > 50
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_a_planted_step_that_is_not_called_is_found() -> None:
    before = Step("listener/price_monitor.py", "PriceMonitor.on_ticks", "start")
    planted = Step("execution/executor.py", "OrderExecutor.execute", "call")
    assert not hands_over(before, planted, [before])
    assert function_of("listener/price_monitor.py", "PriceMonitor.nowhere") is None
