"""The data directory of a run: one `up` at a time, and never data of an unknown newer version."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.start_errors import CannotStart, words_of

VERSION = 1
_LONG_LOG = 20_000_000
_CLOSED = ("postgres", "redis", "secrets", "temporal", "paper")
"""Directories with keys, orders and accounts."""


@dataclass(frozen=True, slots=True)
class DataDir:
    root: Path

    def directory(self, name: str) -> Path:
        """Make and return the directory of one process, for the owner alone."""
        path = self.root / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        return self.directory("logs") / f"{name}.log"

    @property
    def endpoints(self) -> Path:
        return self.root / "endpoints.json"


@contextmanager
def opened(root: Path) -> Iterator[DataDir]:
    """Lock the directory for this process; refuse one in use or from a newer version."""
    root = root.absolute()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(root / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(words_of(error, root)) from error
    try:
        _take(lock, root)
        _check_version(root)
        _refuse_open_doors(root)
        # What an `up` that was killed left behind names processes that are gone.
        (root / "endpoints.json").unlink(missing_ok=True)
        _turn_logs(root / "logs")
        yield DataDir(root)
    finally:
        os.close(lock)


def _turn_logs(logs: Path) -> None:
    """Rotate long logs, keeping one generation of each."""
    for log in logs.glob("*.log"):
        if log.stat().st_size > _LONG_LOG:
            log.replace(log.with_suffix(".log.1"))


def _take(lock: int, root: Path) -> None:
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        raise CannotStart(
            f"The data directory {root} is in use by another `stopwatch up` (pid {owner}): "
            "stop that one, or choose another with --data-dir."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _refuse_open_doors(root: Path) -> None:
    """Refuse a directory with keys or data that other users of the machine can get into."""
    for path in (root / name for name in _CLOSED if (root / name).is_dir()):
        mode = path.stat().st_mode
        if mode & 0o077:
            raise CannotStart(
                f"Other users of this machine can get into {path} (mode {stat.S_IMODE(mode):o}), where keys "
                f"and data are: close it with chmod 700 {path}, then start again. If one of them has read "
                "it, make new keys: `stopwatch keys new`."
            )


def _check_version(root: Path) -> None:
    mark = root / "version"
    if not mark.exists():
        mark.write_text(f"{VERSION}\n")
        return
    found = mark.read_text().strip()
    if not found.isdecimal() or int(found) > VERSION:
        raise CannotStart(
            f"The data directory {root} was written by a newer Stopwatch (data version "
            f"{found or 'unreadable'}, this one knows {VERSION}): "
            "update Stopwatch, or choose another with --data-dir."
        )
