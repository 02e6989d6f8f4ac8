"""A process that knows secrets leaves no image of its memory, and lets nobody look into it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GET_DUMPABLE = 3
ASKS = f"import ctypes; print(ctypes.CDLL(None).prctl({GET_DUMPABLE}, 0, 0, 0, 0))"


def run(*lines: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    allow = "import resource; hard = resource.getrlimit(resource.RLIMIT_CORE)[1]"
    raised = "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))"
    ours = "from adapters.process.hardening import no_core_dumps, untraceable"
    return subprocess.run(
        [sys.executable, "-c", "\n".join([allow, raised, ours, *lines])],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_crash_leaves_no_core_file(tmp_path: Path) -> None:
    died = run("no_core_dumps()", "import os; os.abort()", cwd=tmp_path)
    assert died.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []


def test_child_of_the_process_can_raise_no_limit() -> None:
    child = "resource.setrlimit(resource.RLIMIT_CORE, (1, resource.RLIM_INFINITY))"
    if os.geteuid() == 0:  # root may raise what it likes; that it is not raised by itself is what counts
        child = "print(resource.getrlimit(resource.RLIMIT_CORE))"
        assert run("no_core_dumps()", child).stdout.strip() == "(0, 0)"
    else:
        assert "ValueError" in run("no_core_dumps()", child).stderr


def test_process_is_not_to_be_traced() -> None:
    assert run(ASKS).stdout.strip() == "1"
    assert run("untraceable()", ASKS).stdout.strip() == "0"
