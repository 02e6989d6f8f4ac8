"""`python -m migrations`: schema, database roles, Temporal's search attributes. `python -m migrations check`.

Exit status: 0 done; 1 a step failed, in one sentence; 2 the database is newer than this code.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import asyncpg
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from adapters.postgres.failures import refusal_of, state_of, unanswered
from adapters.temporal.connection import address_in
from adapters.temporal.readiness import ATTRIBUTES
from domain.part_refusal import help_with, refused
from migrations import schema
from migrations.calendar_file import move
from migrations.migration_errors import MigrationError
from migrations.roles import Role, make_roles
from migrations.search_attributes import register

_MAY_NOT = "42501"
"""Postgres' state for a right that is missing."""


async def migrate(environment: Mapping[str, str]) -> None:
    """Update everything the settings name, one line a step."""
    url = _owner_url(environment)
    _say(f"Schema: at revision {await schema.upgrade(url)}.")
    if (path := environment.get("STOPWATCH_CALENDAR_OVERRIDES")) and (moved := await move(url, Path(path))):
        _say(moved)
    roles = [
        Role.of(purpose, environment[name])
        for purpose in ("api", "worker", "listener")
        if environment.get(name := f"STOPWATCH_DATABASE_URL_{purpose.upper()}")
    ]
    await make_roles(url, roles)
    for role in roles:
        _say(f"Role {role.name}: has the rights of the {role.purpose}, and no others.")
    server = address_in(environment)
    if server is None:
        _say("Temporal: no STOPWATCH_TEMPORAL_ADDRESS is set, so no search attributes were registered.")
        return
    await register(server)
    _say(f"Temporal: {', '.join(ATTRIBUTES)} are registered at {server.target}.")


async def check(environment: Mapping[str, str]) -> None:
    """Compare the migrations with the tables of the code; change nothing."""
    await schema.check(_owner_url(environment))
    _say("Migrations and tables agree.")


def main(arguments: list[str]) -> int:
    """Run, and print a failure as one sentence."""
    try:
        asyncio.run(check(os.environ) if arguments == ["check"] else migrate(os.environ))
    except MigrationError as failure:
        print(failure, file=sys.stderr)  # noqa: T201 - a command's answer
        return failure.status
    except (SQLAlchemyError, asyncpg.PostgresError, OSError) as error:
        print(_refusal(error), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _owner_url(environment: Mapping[str, str]) -> str:
    url = environment.get("STOPWATCH_DATABASE_URL")
    if not url:
        raise MigrationError(
            "STOPWATCH_DATABASE_URL is not set: the Postgres address of the schema's owner "
            "(postgresql://user:password@host:port/name)."
        )
    return url


def _refusal(error: Exception) -> str:
    reason = f"{type(error).__name__}: {str(error).splitlines()[0]}" if str(error) else type(error).__name__
    if isinstance(error, ArgumentError):
        return "STOPWATCH_DATABASE_URL is not an address: write postgresql://user:password@host:port/name."
    if (refusal := refusal_of(error)) is not None:
        return f"Postgres {refused(refusal)} ({reason}). {help_with(refusal)} Then migrate again."
    if state_of(error) == _MAY_NOT:
        return (
            f"The owner's role may not do a step ({reason}): it needs CREATEROLE, for the roles of the "
            "processes, and to own the database. As an administrator: ALTER ROLE … CREATEROLE; then again."
        )
    if unanswered(error):
        return (
            f"The database did not let us in ({reason}): check that it runs and that STOPWATCH_DATABASE_URL "
            "is its owner's address."
        )
    return (
        f"The database refused a step, so the migration stopped there ({reason}): nothing of it is half done."
    )


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that used Temporal's SDK sometimes dies while the interpreter shuts down, after all is done.
    os._exit(status)
