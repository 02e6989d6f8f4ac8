"""Processes of this machine, as a test waits for them."""

import asyncio
from collections.abc import Callable
from pathlib import Path


async def until(holds: Callable[[], bool], within: float = 15.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - processes and files tell nobody
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process is gone; one that only waits to be reaped by somebody else is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return True
