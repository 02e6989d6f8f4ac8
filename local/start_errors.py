"""The errors that end `up`, worded for the terminal.

LocalError
├── CannotStart    refused before anything runs: directory in use, port in use, newer data   (exit 2)
└── ProcessFailed  a process does not start, or a step of the start fails                    (exit 1)
"""


class LocalError(Exception):
    """A sentence for the terminal: what happened, why, what to do."""

    status = 1


class CannotStart(LocalError):
    """No process was started, and no earlier run was changed."""

    status = 2


class ProcessFailed(LocalError):
    """A process of the product does not run, so the product does not."""
