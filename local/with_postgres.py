"""Runs commands on a temporary Postgres: `python -m local.with_postgres A -- B`.

For tools that need an empty database to compare with, without requiring one to be installed.
"""

import asyncio
import os
import secrets
import sys
import tempfile
from pathlib import Path

from local.data_dir import DataDir
from local.ports import HeldPort
from local.postgres import EmbeddedPostgres
from local.start_errors import LocalError
from local.supervisor import Supervisor
from local.terminal import Terminal


def main() -> int:
    terminal = Terminal()
    try:
        with tempfile.TemporaryDirectory(prefix="stopwatch-", ignore_cleanup_errors=True) as directory:
            return asyncio.run(_run(DataDir(Path(directory)), _commands(sys.argv[1:]), terminal))
    except LocalError as error:
        terminal.line(str(error))
        return error.status
    except KeyboardInterrupt:
        return 130


def _commands(words: list[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "--":
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in commands if command]


async def _run(data: DataDir, commands: list[list[str]], terminal: Terminal) -> int:
    supervisor = Supervisor(terminal.alert)
    port = HeldPort.free()
    postgres = EmbeddedPostgres(data, port.number, secrets.token_hex(16), dict(os.environ))
    try:
        await supervisor.start(await postgres.prepared())
        for command in commands:
            environment = {**os.environ, "STOPWATCH_DATABASE_URL": postgres.url()}
            process = await asyncio.create_subprocess_exec(*command, env=environment)
            if status := await process.wait():
                return status
        return 0
    finally:
        await supervisor.stop()
        port.release()


if __name__ == "__main__":
    sys.exit(main())
