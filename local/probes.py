"""Readiness probes: each returns when the process answers and raises while it does not."""

import asyncio
from pathlib import Path

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=2)


async def http_ok(url: str) -> None:
    """Accept any status below 300."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as http, http.get(url) as answer:
        if answer.status >= 300:
            detail = (await answer.text())[:3000]
            raise ConnectionError(f"{url} answers {answer.status}: {detail}")


async def redis_pong(port: int) -> None:
    """Accept PONG only: a server that still loads its append-only file answers -LOADING.

    As the user that may do nothing else; a server without users takes its name for a password that it lacks.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"AUTH health -\r\nPING\r\n")
        await reader.readline()
        answer = await reader.readline()
    finally:
        writer.close()
    if answer.strip() != b"+PONG":
        raise ConnectionError(f"PING was answered with {answer!r}")


async def file_says_ready(path: Path) -> None:
    """Accept the file that a process without a port writes when it is ready."""
    if not _says_ready(path):
        raise ConnectionError(f"{path} has not been written yet")


def _says_ready(path: Path) -> bool:
    return path.exists() and path.read_text().startswith("ready")
