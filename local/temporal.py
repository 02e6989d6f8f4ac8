"""The embedded Temporal server, on one SQLite file."""

import sys
from dataclasses import dataclass
from pathlib import Path

from local import probes
from local.data_dir import DataDir
from local.errors import PartFailed
from local.part import Part
from local.ports import HeldPort

# Registered by `migrate` too; a start with an unregistered attribute fails.
_SEARCH_ATTRIBUTES = ("StopwatchUser", "StopwatchSymbol", "StopwatchPhase")


@dataclass(frozen=True, slots=True)
class TemporalPorts:
    frontend: HeldPort
    ui: HeldPort
    http: HeldPort
    metrics: HeldPort

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.frontend.number}"


def part(data: DataDir, ports: TemporalPorts, namespace: str, environment: dict[str, str]) -> Part:
    ready_at = f"http://127.0.0.1:{ports.http.number}/api/v1/namespaces/{namespace}"
    return Part(
        name="temporal",
        command=(str(_binary()), *_options(data.room("temporal") / "temporal.db", ports, namespace)),
        log=data.log("temporal"),
        ready=lambda: probes.http_ok(ready_at),
        environment=environment,
        grace_seconds=3.0,
    )


def _options(database: Path, ports: TemporalPorts, namespace: str) -> list[str]:
    options = ["server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error"]
    options += ["--db-filename", str(database)]
    # Measured: without these two, 137 of 300 timers of one second were more than 5 s late.
    options += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
    options += ["--port", str(ports.frontend.number), "--ui-port", str(ports.ui.number)]
    options += ["--http-port", str(ports.http.number), "--metrics-port", str(ports.metrics.number)]
    for attribute in _SEARCH_ATTRIBUTES:
        options += ["--search-attribute", f"{attribute}=Keyword"]
    if namespace != "default":
        options += ["--namespace", namespace]
    return options


def _binary() -> Path:
    binary = Path(sys.executable).parent / "temporal"
    if binary.exists():
        return binary
    raise PartFailed(
        f"The Temporal server is missing ({binary}): run `make setup`, or set STOPWATCH_TEMPORAL_ADDRESS."
    )
