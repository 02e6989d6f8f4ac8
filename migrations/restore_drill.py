"""`stopwatch restore-drill`: restores the newest backup into a scratch server, and says what came back.

Exit status: 0 all of it; 1 something is wrong, or nothing could be restored; 2 there is no database to ask.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import asyncpg

from adapters.postgres.named_database import named_database
from migrations.migration_errors import MigrationError
from migrations.restored_state import RestoredState, examine
from migrations.scratch_server import gone, restored, served

_NOTE = "INSERT INTO restore_drills (backup, restored_to, faults) VALUES ($1, $2, $3)"


def main(words: Sequence[str]) -> int:
    """Run one drill, or one for each time that the scratch server is there anew."""
    asked = _parser().parse_args(words)
    live_url = named_database()
    if live_url is None:
        return 2
    try:
        return asyncio.run(_weekly(live_url, asked.server) if asked.again else _once(live_url, asked))
    except MigrationError as failure:
        sys.stderr.write(f"restore drill FAILED: {failure}\n")
        return failure.status
    except KeyboardInterrupt:
        return 130


async def _once(live_url: str, asked: argparse.Namespace) -> int:
    source: AbstractAsyncContextManager[str] = (
        served(live_url, asked.server) if asked.server else restored(live_url, asked.backups.resolve())
    )
    async with source as url:
        return await drill(url, live_url)


async def _weekly(live_url: str, server: str) -> int:
    while True:
        async with served(live_url, server) as url:
            await drill(url, live_url)
        await gone(url)


async def drill(url: str, live_url: str) -> int:
    """Examine one scratch server, print what came back, and note it in the live database."""
    state = await examine(url, live_url)
    _tell(state)
    try:
        live = await asyncpg.connect(live_url.replace("+asyncpg", "", 1), timeout=10)
        try:
            await live.execute(_NOTE, state.backup, state.restored_to, state.faults)
        finally:
            await live.close()
    except (OSError, TimeoutError, asyncpg.PostgresError) as refused:
        sys.stderr.write(
            f"The drill could not be noted in the live database ({refused}): check STOPWATCH_DATABASE_URL, "
            "and run `stopwatch migrate`. Until one is noted, the alert RestoreDrillOld goes on.\n"
        )
        return 1
    return 1 if state.faults else 0


def _tell(state: RestoredState) -> None:
    for line in state.lines:
        sys.stdout.write(f"ok    {line}\n")
    for fault in state.faults:
        sys.stdout.write(f"FAIL  {fault}\n")
    if state.age is not None:
        sys.stdout.write(
            f"{state.backup}, restored to {state.restored_to:%Y-%m-%d %H:%M:%S} UTC: "
            f"{state.age.total_seconds():.0f} s before its files were taken.\n"
        )
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stopwatch restore-drill", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--backups", type=Path, help="the directory of deploy/base-backup.sh: it is restored here"
    )
    where.add_argument("--server", metavar="HOST:PORT", help="where deploy/restore-scratch.sh runs already")
    parser.add_argument("--again", action="store_true", help="with --server: each time that it restores anew")
    return parser


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
