"""Reads the end of a process's log, short enough for a terminal."""

from pathlib import Path

_LINES = 4
_WIDTH = 240
_READ = 16_384


def last_lines(log: Path, since: int = 0) -> str:
    """Return the last lines written after byte `since`, and the path of the rest."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(since, size - _READ))
            text = file.read().decode(errors="replace")
    except OSError:
        text = ""
    lines = [line.rstrip()[:_WIDTH] for line in text.splitlines() if line.strip()][-_LINES:]
    if not lines:
        return f"It wrote nothing to {log}."
    return "\n".join([f"The last lines of {log}:", *(f"  {line}" for line in lines)])


def size(log: Path) -> int:
    """Return the log's size, where the next line will begin."""
    return log.stat().st_size if log.exists() else 0
