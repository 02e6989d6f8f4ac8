"""Plants each bug in a copy of the tree and runs the tests that must find it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.planted.bug import Bug
from tests.planted.bugs import BUGS

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".stopwatch*", "__pycache__", ".*_cache", "*.egg-info", "build", "node_modules"
)
LIMIT = 600
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Result:
    """`caught_by` is the first test that failed; None when the bug lives."""

    name: str
    caught_by: str | None
    seconds: float


def run(bugs: Sequence[Bug] = BUGS) -> Iterator[Result]:
    """Yield what became of each planted bug. Raises `RuntimeError` where a test fails without any."""
    with _copy() as tree:
        _without_bugs(tree, bugs)
        for bug in bugs:
            begun = time.monotonic()
            with _planted(tree, bug):
                caught_by = next(filter(None, (_first_failure(tree, test) for test in bug.tests)), None)
            yield Result(bug.name, caught_by, round(time.monotonic() - begun, 1))


def _without_bugs(tree: Path, bugs: Sequence[Bug]) -> None:
    """A test that fails anyway catches nothing."""
    for test in dict.fromkeys(test for bug in bugs for test in bug.tests):
        failed = _first_failure(tree, test)
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
    file.write_text(before.replace(bug.old, bug.new))
    try:
        yield
    finally:
        file.write_text(before)


def _first_failure(tree: Path, test: str) -> str | None:
    # No bytecode: a file changed twice within one second would be taken from it.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", test]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{test} (not over after {LIMIT} s)"
    if done.returncode == 0:
        return None
    failed = _FAILED.search(done.stdout)
    if done.returncode != 1 or failed is None:
        raise RuntimeError(f"{test} could not be run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed.group(1)
