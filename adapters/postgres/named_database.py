"""Finds the database that an operator's command works on."""

import os
import sys

ADDRESS = "STOPWATCH_DATABASE_URL"


def named_database() -> str | None:
    """Return the address in the environment; None, with a word on stderr, where there is none."""
    address = os.environ.get(ADDRESS)
    if not address:
        sys.stderr.write(f"{ADDRESS} is not set: there is no database to ask.\n")
        return None
    return address
