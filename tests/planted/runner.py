"""Plants each bug in a copy of the tree and runs the tests that must find it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import Queue

from tests.planted.bug import Bug
from tests.planted.bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".stopwatch*", "__pycache__", ".*_cache", "*.egg-info", "build", "node_modules"
)
LIMIT = 600
_SECONDS = count(int(time.time()))
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """`caught_by` is the first test that failed; None when the bug lives."""

    name: str
    caught_by: str | None
    seconds: float


def run(bugs: Sequence[Bug] = BUGS, jobs: int = os.cpu_count() or 1) -> Iterator[Result]:
    """Yield what became of each planted bug; `jobs` are planted at a time, each in a tree of its own.

    Raises `RuntimeError` where a test fails without any.
    """
    with ExitStack() as stack:
        trees: Queue[Path] = Queue()
        for _ in range(jobs):
            trees.put(stack.enter_context(_copy()))
        _without_bugs(trees.queue[0], bugs, jobs)
        threads = stack.enter_context(ThreadPoolExecutor(jobs))
        yield from threads.map(lambda bug: _plant(trees, bug), bugs)


def _plant(trees: "Queue[Path]", bug: Bug) -> Result:
    tree = trees.get()
    try:
        begun = time.monotonic()
        with _planted(tree, bug):
            caught_by = next(filter(None, (_first_failure(tree, test) for test in bug.tests)), None)
        return Result(bug.name, caught_by, round(time.monotonic() - begun, 1))
    finally:
        trees.put(tree)


def _without_bugs(tree: Path, bugs: Sequence[Bug], jobs: int) -> None:
    """A test that fails anyway catches nothing."""
    tests = list(dict.fromkeys(test for bug in bugs for test in bug.tests))
    failed = _first_failure(tree, *tests, jobs=jobs)
    if failed is not None:
        raise RuntimeError(f"{failed} fails without any bug planted: mend that first")


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="planted-") as directory:
        tree = Path(directory) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        yield tree


@contextmanager
def _planted(tree: Path, bug: Bug) -> Iterator[None]:
    file = tree / bug.path
    before = file.read_text()
    if before.count(bug.old) != 1:
        raise LookupError(f"{bug.name}: its old text is in {bug.path} {before.count(bug.old)} times")
    _write(file, before.replace(bug.old, bug.new))
    try:
        yield
    finally:
        _write(file, before)


def _write(file: Path, text: str) -> None:
    """Change a file so that its bytecode is not taken from before: that goes by size and whole seconds."""
    file.write_text(text)
    second = next(_SECONDS)
    os.utime(file, (second, second))


def _first_failure(tree: Path, *tests: str, jobs: int = 0) -> str | None:
    environment = os.environ | {"PYTHONPATH": str(tree)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", str(jobs), "-p", "no:cacheprovider", *tests]
    limit = LIMIT if len(tests) == 1 else None
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{tests[0]} (not over after {limit} s)"
    if done.returncode == 0:
        return None
    failed = _FAILED.search(done.stdout)
    if done.returncode not in (1, 2) or failed is None:
        raise RuntimeError(f"{tests} could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed.group(1)
