"""Describes one process of the product for the supervisor."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Returns when the process answers; raises OSError or TimeoutError while it does not yet.
Probe = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Account:
    """The user a process runs as, where that is not the user who started `up`."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How to start one process, how to probe it, and how to end it."""

    name: str
    command: tuple[str, ...]
    log: Path
    ready: Probe
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    account: Account | None = None
    # Descriptors the process inherits under the same numbers.
    inherits: tuple[int, ...] = ()
    # A file that a start before this one may have left; its absence means: not ready yet.
    ready_file: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    # What reaches the process when `up` itself is killed. Those that must survive SIGKILL get just that:
    # with Temporal and Postgres going down at the same time, no orderly end is left to wait for.
    orphan_signal: signal.Signals = signal.SIGKILL
    grace_seconds: float = 2.0
    ready_within_seconds: float = 60.0

    @property
    def kind(self) -> str:
        """The name without its number: `worker` for `worker-2`."""
        return self.name.split("-")[0]
