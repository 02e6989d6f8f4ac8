"""What `up` cannot go on with, told in the words the person at the terminal reads.

LocalError
├── CannotStart    refused before anything runs: directory in use, port in use, newer data   (exit 2)
└── PartFailed     a part that does not come up, or a step on the way that fails             (exit 1)
"""


class LocalError(Exception):
    """A sentence for the terminal: what happened, why, what to do."""

    status = 1


class CannotStart(LocalError):
    """Nothing was started, and nothing of an earlier run was touched."""

    status = 2


class PartFailed(LocalError):
    """A part of the product does not run, so the product does not."""
