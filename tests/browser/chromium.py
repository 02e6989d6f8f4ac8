"""Debian's Chromium, installed when it is missing and may be."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FLAGS = ["--no-sandbox"]
"""As root Chromium's own sandbox cannot be had; the pages are ours."""


def chromium() -> str | None:
    """Return the path of a Chromium, None where there is none and apt-get cannot install one."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    with _turn():
        if shutil.which("chromium") is None:
            for words in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
                environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
                subprocess.run(
                    ["apt-get", *words], env=environment, capture_output=True, timeout=300, check=False
                )
    return shutil.which("chromium")


@contextmanager
def _turn() -> Iterator[None]:
    """Two test processes install one after the other: apt-get refuses the second."""
    with (Path(tempfile.gettempdir()) / "stopwatch-chromium.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
