"""The journal: one JSON line a change, written to the OS before the answer is sent.

A line that a SIGKILL cut short is the last one and is dropped: its order was never answered.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

FILE_NAME = "journal.jsonl"


class JournalInUse(Exception):
    """Another paper exchange writes to the same directory."""


class Journal:
    """Append-only file, or nothing at all without a directory."""

    def __init__(self, directory: Path | None) -> None:
        self._path = directory / FILE_NAME if directory else None
        self._fd = -1
        self._lines: list[bytes] = []

    @property
    def keeps(self) -> bool:
        return self._path is not None

    def read(self) -> Iterator[dict[str, Any]]:
        """Return every whole line; cut off a torn last one."""
        if self._path is None or not self._path.exists():
            return
        whole = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                yield orjson.loads(line)
        if whole < self._path.stat().st_size:
            os.truncate(self._path, whole)

    def open(self) -> None:
        """Start writing.

        Raises JournalInUse when another process holds the file.
        """
        if self._path is None:
            return
        import fcntl

        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Secrets of paper accounts are in it.
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise JournalInUse(f"Another paper exchange uses {self._path.parent}. Stop it first.") from exc

    def add(self, kind: str, record: dict[str, Any]) -> None:
        """Queue a line for the next flush."""
        if self._path is not None:
            record["k"] = kind
            self._lines.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        """Write everything queued to the OS."""
        if self._lines:
            data = memoryview(b"".join(self._lines))
            self._lines.clear()
            while data:
                data = data[os.write(self._fd, data) :]

    def close(self) -> None:
        if self._fd >= 0:
            self.flush()
            os.close(self._fd)
            self._fd = -1
