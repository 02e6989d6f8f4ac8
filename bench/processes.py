"""Reads what the product's processes cost, memory and processor time, from /proc."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """One part at one moment: seconds of processor time so far, and megabytes held now."""

    cpu_seconds: float
    memory_mb: float


def spent(pids: Iterable[int]) -> Spent:
    """Return what these processes and all their children have used.

    Memory that processes share is counted once (PSS): Postgres' backends share their buffers.
    """
    roots = list(pids)
    everyone = {pid for root in roots for pid in _family(root)}
    seconds = sum(_seconds(pid, with_ended=pid in roots) for pid in everyone)
    return Spent(seconds, sum(_megabytes(pid) for pid in everyone))


def parts_of(endpoints: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return the pids of each part of a running product."""
    return {
        part: list(pids) if isinstance(pids, list) else [pids] for part, pids in endpoints["pids"].items()
    }


@asynccontextmanager
async def cost_of(parts: Mapping[str, list[int]], calls: int) -> AsyncIterator[dict[str, float]]:
    """Give a dict that holds, at the end, each part's milliseconds of processor time for one of `calls`."""
    before = {part: spent(pids).cpu_seconds for part, pids in parts.items()}
    costs: dict[str, float] = {}
    yield costs
    for part, pids in parts.items():
        costs[part] = round((spent(pids).cpu_seconds - before[part]) * 1000 / calls, 2)


async def watched(parts: Mapping[str, list[int]], seconds: float) -> dict[str, dict[str, float]]:
    """Watch for a while; return for each part `{cpu_percent, memory_mb}`, per cent of one core."""
    before = {part: spent(pids) for part, pids in parts.items()}
    began = time.monotonic()
    await asyncio.sleep(seconds)
    length = time.monotonic() - began
    after = {part: spent(pids) for part, pids in parts.items()}
    return {
        part: {
            "cpu_percent": round((after[part].cpu_seconds - before[part].cpu_seconds) / length * 100, 2),
            "memory_mb": round(after[part].memory_mb, 1),
        }
        for part in parts
    }


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(task).split():
            found += _family(int(child))
    return found


def _seconds(pid: int, *, with_ended: bool) -> float:
    # The name in brackets may hold anything; the fields begin after it.
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    if not fields:
        return 0.0
    ticks = fields[11:15] if with_ended else fields[11:13]
    return sum(map(int, ticks)) / _TICK


def _megabytes(pid: int) -> float:
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _read(path: Path) -> str:
    """Return a file of /proc, empty when the process has gone."""
    try:
        return path.read_text()
    except OSError:
        return ""
