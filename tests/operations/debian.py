"""Programs of Debian's packages, unpacked into our own directory: nothing is installed, no service starts."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(tempfile.gettempdir()) / "stopwatch-debian"


class NotThere(Exception):
    """The program is on this machine neither installed nor to be had."""


def program(package: str) -> str:
    """Return the path of the package's program of the same name. Raises `NotThere`, which fails the test."""
    if installed := shutil.which(package):
        return installed
    unpacked = CACHE / package / "usr" / "bin" / package
    with _turn():
        if not unpacked.exists() and shutil.which("apt-get"):
            _unpack(package)
    if not unpacked.exists():
        raise NotThere(
            f"there is no {package}, and apt-get could not fetch it: the alerts were NOT tested. Install it "
            f"(apt-get install {package}), or run this where apt-get reaches Debian's packages"
        )
    return str(unpacked)


def _unpack(package: str) -> None:
    where = CACHE / f"{package}.deb"
    where.mkdir(parents=True, exist_ok=True)
    fetch = ["apt-get", "download", package]
    # Without root the lists of packages are what they are.
    if _run(fetch, where).returncode != 0 and os.geteuid() == 0:
        _run(["apt-get", "update"], where)
        _run(fetch, where)
    for archive in where.glob("*.deb"):
        _run(["dpkg-deb", "--extract", str(archive), str(CACHE / package)], where)


def _run(command: list[str], where: Path) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, cwd=where, capture_output=True, timeout=300, check=False)


@contextmanager
def _turn() -> Iterator[None]:
    """Two test processes fetch one after the other."""
    with CACHE.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
