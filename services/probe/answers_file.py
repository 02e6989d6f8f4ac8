"""Keeps the raw answers of a probe in a file that only its owner can read, a line of JSON for each call."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from adapters.kite.recording import RawAnswer


class AnswersFile:
    """Writes each answer at once: what came before a crash is kept."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        """Make the file. Raises `OSError`, also where it exists already."""
        self.path = path
        self._now = now
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        self._digest = hashlib.sha256()

    def add(self, answer: RawAnswer) -> None:
        """Write one answer. Its failure ends no probe: shares may be held at that moment."""
        line = json.dumps({"at": self._now().isoformat(), **asdict(answer)}, ensure_ascii=False) + "\n"
        self._digest.update(line.encode())
        try:
            self._file.write(line)
            self._file.flush()
        except OSError:
            self.complete = False

    complete = True
    """Whether every answer could be written."""

    @property
    def digest(self) -> str:
        """The SHA-256 of what was written, in hexadecimal."""
        return self._digest.hexdigest()

    def close(self) -> None:
        self._file.close()
