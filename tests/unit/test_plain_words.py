"""Docstrings, log messages, error texts and pages use plain words; each word they avoid has a reason here."""

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
PAGES = (
    *("README.md", "SECURITY.md", "CONTRIBUTING.md"),
    *sorted(f"docs/{page.name}" for page in ROOT.glob("docs/*.md")),
)
"""Not checked: decisions (`docs/adr/`) and the change log, whose entries are not rewritten."""

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
"""What texts for people avoid (case does not matter), and what to write instead."""
AVOIDED_IN_PAGES = {
    r"\b(house|doors?)\b": "say process, port, proxy or network",
    r"\brooms?\b": "the code's units are packages and modules",
    r"\bill\b": "say failing, unavailable or unhealthy",
    r"\b(go(es)?|gone|going|went) round\b": "say runs, or completed a round",
    r"\bhands of others\b": "say manual trades, or the broker's own actions",
}
"""What pages avoid as well; in code these words have other meanings."""
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


_CODE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_GENERATED = re.compile(r"<!-- ([\w:]+) -->.*?<!-- /\1 -->", re.DOTALL)
_DECISION = re.compile(r"\[[^\]]*\]\((?:docs/)?adr/[^)]*\)")
"""A link to a decision has that decision's title."""
_MARKS = re.compile(r"^[ >]*(?:[-*] |\d+\. |#+ )?[*_]*")
"""What Markdown puts before the first word."""


def passages(page: str) -> Iterator[Text]:
    """Yield a page's headings, paragraphs, list items, table cells and diagrams."""
    page = _GENERATED.sub(lambda hit: "\n" * hit[0].count("\n"), page)
    page = _CODE.sub(lambda hit: f"\n{hit[2]}" if hit[1] == "mermaid" else "\n" * hit[0].count("\n"), page)
    page = re.sub(r"\]\([^)]*\)|src=\"[^\"]*\"", "]", _DECISION.sub("ADR", page))
    at, lines = 1, list[str]()
    for number, line in enumerate([*page.splitlines(), ""], 1):
        if lines and (not line.strip() or re.match(r"\s*([-*] |\d+\. |#|\|)", line)):
            whole = "\n".join(lines)
            for cell in whole.split("|") if whole.startswith("|") else [whole]:
                yield Text(at, "page", _MARKS.sub("", " ".join(cell.split())))
            lines = []
        if line.strip():
            at = at if lines else number
            lines.append(line)


def faults_of_page(page: str) -> list[str]:
    """Return what is written otherwise than plainly in a Markdown page, with the line and the reason."""
    return [fault for text in passages(page) for fault in _avoided(text, AVOIDED | AVOIDED_IN_PAGES)]


def faults(source: str) -> list[str]:
    """Return what is written otherwise than plainly in a module, with the line and the reason."""
    found = []
    for text in texts(source):
        if text.kind == "module docstring" and RIDDLE.match(text.text):
            found.append(
                f"{text.line}: a module docstring begins with what the module does: {text.text[:40]!r}"
            )
        found += _avoided(text, AVOIDED)
    return found


def _avoided(text: Text, words: dict[str, str]) -> Iterator[str]:
    plain = re.sub(r"`[^`]*`", "`…`", text.text)
    for pattern, reason in words.items():
        hit = re.search(pattern, plain, re.IGNORECASE)
        if hit:
            yield f"{text.line}: {text.kind}: {hit[0].strip()!r}: {reason}"


def _files() -> list[Path]:
    found = []
    for name in (*CHECKED, *ALSO_CHECKED):
        path = ROOT / name
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return found


def test_texts_for_people_are_plain() -> None:
    found = [f"{path.relative_to(ROOT)}:{fault}" for path in _files() for fault in faults(path.read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_plain(page: str) -> None:
    found = [f"{page}:{fault}" for fault in faults_of_page((ROOT / page).read_text())]
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


@pytest.mark.parametrize(
    "page",
    [
        "# Stopwatch\n\n## Who might try\n",
        "It trades once,\nwhatever happens meanwhile.\n",
        "- Each user has a proxy.\n- **Who leaves** by another address is refused.\n",
        "| a user | an account of his own |\n",
        "```mermaid\nflowchart LR\n  a[nobody waits]\n```\n",
        "[Notices](docs/notices.md)\n",
        "The rooms and the arrows between them.\n",
    ],
)
def test_a_riddle_in_a_page_is_found(page: str) -> None:
    assert faults_of_page(page)


def test_the_line_of_a_fault_is_that_of_its_passage() -> None:
    page = "# Title\n\n```\n# whoever\n```\n\nPlain.\n\n- Plain.\n- It is\n  nobody's.\n"
    assert [fault.partition(":")[0] for fault in faults_of_page(page)] == ["10"]


@pytest.mark.parametrize(
    "page",
    [
        "```\nstopwatch kill-switch on   # for everybody\n```\n",
        "See [14. The outbox of notices](docs/adr/0014-the-timeline-is-the-outbox.md) and `GET /notices`.\n",
        "<!-- bench:table -->\nnobody\n<!-- /bench:table -->\n",
        "See [Notifications](docs/notices.md): a user who registers gets their messages.\n",
    ],
)
def test_plain_pages_pass(page: str) -> None:
    assert faults_of_page(page) == []
