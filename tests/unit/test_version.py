"""`stopwatch --version`: what an operator quotes when something is asked."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path


def test_the_command_says_the_version_that_the_audit_log_writes_down() -> None:
    command = str(Path(sys.executable).parent / "stopwatch")
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout == f"stopwatch {version('stopwatch-trading')}\n"
