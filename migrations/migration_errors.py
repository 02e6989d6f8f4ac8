"""The errors of `migrate`, worded for the terminal.

MigrationError           one sentence, exit 1
├── NewerDatabase            exit 2: nothing was changed
├── SchemaDiffers            the tables of the code and the migrations disagree
├── RoleRefused              a role cannot be made as the settings say
└── TemporalRefused          the search attributes could not be registered
"""

from collections.abc import Sequence


class MigrationError(Exception):
    """A step failed; the message says what happened, why and what to do."""

    status = 1


class NewerDatabase(MigrationError):
    """The database is of a revision this code does not know."""

    status = 2

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database is of revision {revision}, which this version of Stopwatch does not know, "
            "so nothing was changed: run the version that made it, or a newer one."
        )


class SchemaDiffers(MigrationError):
    """The tables of the code are not what the migrations make."""

    def __init__(self, differences: Sequence[str]) -> None:
        listed = "; ".join(differences)
        super().__init__(
            f"Migrations and tables differ: {listed}. Add a revision: alembic revision --autogenerate."
        )


class RoleRefused(MigrationError):
    """A database role cannot be made as configured."""


class TemporalRefused(MigrationError):
    """The search attributes could not be registered."""
