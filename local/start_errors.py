"""The errors that end `up`, worded for the terminal.

LocalError
├── CannotStart    refused before anything runs: directory in use, port in use, newer data   (exit 2)
└── ProcessFailed  a process does not start, or a step of the start fails                    (exit 1)
"""

import errno
from pathlib import Path


class LocalError(Exception):
    """A sentence for the terminal: what happened, why, what to do."""

    status = 1


class CannotStart(LocalError):
    """No process was started, and no earlier run was changed."""

    status = 2


class ProcessFailed(LocalError):
    """A process of the product does not run, so the product does not."""


def words_of(error: OSError, root: Path) -> str:
    """Return what a person reads of a disk or a file that refuses. `root` is the data directory."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full, so Stopwatch cannot go on: make space (df -h {root} shows how much is free), "
            "then start it again. What was written before is kept."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"Stopwatch may not use {error.filename or root}: its owner or its mode was changed. Take it "
            f"back (sudo chown -R $USER {root}; chmod -R u+rwX,go= {root}), or choose another with "
            "--data-dir."
        )
    return f"Stopwatch cannot go on: {error}."
