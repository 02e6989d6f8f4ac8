"""Moves the operator's calendar file into the database, once: from there `stopwatch calendar` changes it."""

import hashlib
from pathlib import Path

from adapters.calendar.overrides import OverrideFile, OverridesUnreadable, entries_of
from adapters.calendar.published_days import PUBLISHED_TO
from adapters.postgres.audit import audit
from adapters.postgres.calendar_days import is_first_import, write_entries
from adapters.postgres.engine import Store
from domain.audit import Action, AuditLine, Role
from migrations.migration_errors import MigrationError

OPERATOR = "stopwatch migrate"


async def move(url: str, path: Path) -> str:
    """Read the file and write what it says, unless it was moved before; return what was done, in words.

    Raises `MigrationError` where it cannot be understood.
    """
    try:
        entries = entries_of(OverrideFile(path).read(), PUBLISHED_TO, f"the calendar file {path.name}")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()  # noqa: ASYNC240 - a command waits
    except (OverridesUnreadable, OSError) as unreadable:
        raise MigrationError(str(unreadable)) from None
    store = Store.open(url, pool_size=1, application="stopwatch migrate")
    try:
        async with store.work() as session:
            if not await is_first_import(session, digest):
                return ""
            await write_entries(session, entries, OPERATOR)
            what = f"{len(entries)} entries of {path.name}"
            line = AuditLine(None, Action.CALENDAR_CHANGED, Role.OPERATOR, OPERATOR, what, "moved")
            await audit(session, line)
    finally:
        await store.close()
    return (
        f"Calendar: {len(entries)} entries of {path} are in the database now, and no process reads the file "
        "any more. `stopwatch calendar` shows and changes them; unset STOPWATCH_CALENDAR_OVERRIDES."
    )
