"""Docstrings, log messages and error texts use plain words; each word they avoid has a reason here."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CHECKED = (
    "domain",
    "workflows",
    "activities",
    "execution",
    "services",
    "api",
    "listener",
    "adapters",
    "paper",
    "local",
)
ALSO_CHECKED = ("migrations", "bench", "settings.py", "cli.py", "cli_settings.py", "wiring.py", "worker.py")

AVOIDED = {
    r"\bwho(so|m)?ever\b": "name the actor: the caller, the worker, the user",
    r"\bwhosever\b": "name the owner: of all users",
    r"\b(no|some|any|every)body('s)?\b": "name the actor, or use the passive with a known one",
    r"(^|[.:;] |\n\n)who\b": "a sentence begins with its subject: 'A user that …', 'Code that …'",
    r"\bmeanwhile\b": "say during what: 'while the context is open'",
    r"\bof ours\b": "say whose: the product's, this process's",
    r"\b(he|him|his|himself)\b": "users and operators are 'they'",
    r"\b(stands?|stood|standing) still\b": "say stalled, paused or blocked",
    r"\b(desk|dealer)\b": "the words are order executor and entry or exit policy",
    r"\bwalls?\b(?!'s|[ -](clock|time))": "the word is row-level security, or protection",
    r"\bthe wire\b": "the words are network, connection or connection pool",
    r"\b(has|have|had)? ?become of\b": "say outcome, state or status",
    r"\bnotices?\b(?!_)": "say notification (to a user) or alert (to an operator)",
}
"""What docstrings, log messages and error texts avoid (case does not matter), and what to write instead."""
RIDDLE = re.compile(r"(what|who|whose|whether|how|where|why)\b", re.IGNORECASE)
"""A module's docstring says what the module does, and does not begin with one of these."""
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


@dataclass(frozen=True)
class Text:
    """A text for people, and the line it is in."""

    line: int
    kind: str
    text: str


def texts(source: str) -> Iterator[Text]:
    """Yield a module's docstrings, log messages and error texts."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                kind = "module docstring" if isinstance(node, ast.Module) else "docstring"
                yield Text(getattr(node, "lineno", 1), kind, text)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            for argument in (*node.exc.args, *(keyword.value for keyword in node.exc.keywords)):
                yield Text(node.lineno, "error text", _words(argument))
        elif isinstance(node, ast.Call) and _logs(node.func) and node.args:
            yield Text(node.lineno, "log message", _words(node.args[0]))


def _logs(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute)
        and called.attr in LEVELS
        and "log" in ast.unparse(called.value).lower()
    )


def _words(argument: ast.expr) -> str:
    if isinstance(argument, ast.JoinedStr):
        return "".join(_words(part) if isinstance(part, ast.Constant) else "…" for part in argument.values)
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""


def faults(source: str) -> list[str]:
    """Return what is written otherwise than plainly in a module, with the line and the reason."""
    found = []
    for text in texts(source):
        if text.kind == "module docstring" and RIDDLE.match(text.text):
            found.append(
                f"{text.line}: a module docstring begins with what the module does: {text.text[:40]!r}"
            )
        for pattern, reason in AVOIDED.items():
            hit = re.search(pattern, re.sub(r"`[^`]*`", "`…`", text.text), re.IGNORECASE)
            if hit:
                found.append(f"{text.line}: {text.kind}: {hit[0].strip()!r}: {reason}")
    return found


def _files() -> list[Path]:
    found = []
    for name in (*CHECKED, *ALSO_CHECKED):
        path = ROOT / name
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return found


def test_texts_for_people_are_plain() -> None:
    found = [f"{path.relative_to(ROOT)}:{fault}" for path in _files() for fault in faults(path.read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        '"""What an answer means."""',
        '"""Who stands at the door."""',
        '"""Plain."""\ndef f() -> None:\n    """Whoever asks gets it."""',
        '"""Plain."""\nclass C:\n    """Nobody waits for it."""',
        '"""Plain."""\nclass C:\n    """Sent. Who waits for it is told."""',
        '"""Plain."""\nasync def f() -> None:\n    """Serve the numbers meanwhile."""',
        '"""Takes no event of ours."""',
        '"""A user and his limits."""',
        '"""Plain."""\nraise ValueError(f"{x}: the reconciler stands still")',
        '"""Plain."""\nlog.warning("the desk was not read", part=1)',
        '"""Plain."""\nstructlog.get_logger().error("a notice could not be sent")',
        '"""The second wall between tenants."""',
        '"""Plain."""\nraise ValueError("somebody else has it")',
        '"""Tells what has become of an order."""',
    ],
)
def test_a_riddle_is_found(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Reads the wall clock."""\nraise ValueError("the user who asked has no account")',
        '"""Reads `notices` and `/notices`, and the field notice_id."""',
        '"""Returns what a user asked for, and whether they may."""',
    ],
)
def test_plain_words_pass(source: str) -> None:
    assert faults(source) == []
