"""Writes and reads `endpoints.json`, the addresses of a run for scripts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.keys import write_secret

_SINGLE = ("api", "temporal", "postgres", "redis", "paper")
_MANY = ("worker", "listener")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """URLs of a run; None where a dependency is neither embedded nor known."""

    api: str
    temporal: str
    temporal_ui: str | None
    postgres: str = field(repr=False)
    redis: str = field(repr=False)
    paper: str | None
    paper_ws: str | None
    calendar: str
    """Not an address: which days trade there, for the commands that speak of them."""

    def write(self, path: Path, pids: Mapping[str, int | None]) -> None:
        """Replace the file; it holds a database password, so only its owner may read it."""
        write_secret(path, json.dumps({**self._urls(), "pids": _by_kind(pids)}, indent=2) + "\n")

    def _urls(self) -> dict[str, str | None]:
        return {
            "api": self.api,
            "docs": f"{self.api}/docs",
            "app": f"{self.api}/app",
            "temporal": self.temporal,
            "temporal_ui": self.temporal_ui,
            "postgres": self.postgres,
            "redis": self.redis,
            "paper": self.paper,
            "paper_ws": self.paper_ws,
            "calendar": self.calendar,
        }


def postgres_of(directory: Path) -> str | None:
    """Return the database address of the product that runs in a data directory, None when none runs."""
    return _one_of(directory, "postgres")


def temporal_of(directory: Path) -> str | None:
    """Return the address of that product's Temporal, None when none runs."""
    return _one_of(directory, "temporal")


def calendar_of(directory: Path) -> str | None:
    """Return the name of that product's calendar, None when none runs."""
    return _one_of(directory, "calendar")


def paper_of(directory: Path) -> str | None:
    """Return the address of that product's paper exchange, None where it has none."""
    return _one_of(directory, "paper")


def _one_of(directory: Path, name: str) -> str | None:
    try:
        found = json.loads((directory / "endpoints.json").read_text())[name]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return str(found) if found else None


def _by_kind(pids: Mapping[str, int | None]) -> dict[str, int | list[int] | None]:
    """One pid per kind of process, or a list where several of a kind run."""
    shown: dict[str, int | list[int] | None] = {kind: pids.get(kind) for kind in _SINGLE}
    for kind in _MANY:
        several = [pid for name, pid in pids.items() if name.split("-")[0] == kind]
        alive = [pid for pid in several if pid is not None]
        shown[kind] = alive if len(several) > 1 else next(iter(alive), None)
    return shown
