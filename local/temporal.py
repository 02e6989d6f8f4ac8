"""Runs the embedded Temporal server, on one SQLite file, and the guard in front of its Web UI.

The development server has two more entrances than gRPC, and neither authenticates. Its HTTP API accepts
`text/plain` from any page of a browser, which would start runs: no Host is allowed there. Its Web UI answers
any Host: it listens where no page can name it, and `local.ui_guard` admits only requests of this machine.
"""

import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path

from local import probes
from local.data_dir import DataDir
from local.ports import HeldPort
from local.process_spec import ProcessSpec
from local.processes import python
from local.start_errors import ProcessFailed

# It cannot be switched off (0 is a random port). No request can carry a Host with a space in it.
_NO_HTTP_API = 'frontend.httpAllowedHosts=["no host"]'

# Registered by `migrate` too; a start with an unregistered attribute fails.
_SEARCH_ATTRIBUTES = ("StopwatchUser", "StopwatchSymbol", "StopwatchPhase")


def unnamed_address() -> str:
    """Return a loopback address that cannot be guessed, where there is more than one.

    On Linux all of 127.0.0.0/8 is this machine: a page that knows neither the address nor the port would have
    to try 2^37 of them.
    """
    if sys.platform != "linux":
        return "127.0.0.1"
    return ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])


@dataclass(frozen=True, slots=True)
class TemporalPorts:
    """`ui` is the guard's port, for the browser. The Web UI itself listens at `behind`."""

    frontend: HeldPort
    ui: HeldPort
    http: HeldPort
    metrics: HeldPort
    behind: HeldPort
    behind_address: str = field(default_factory=unnamed_address)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.frontend.number}"

    @property
    def ui_itself(self) -> str:
        return f"{self.behind_address}:{self.behind.number}"


def spec(data: DataDir, ports: TemporalPorts, namespace: str, environment: dict[str, str]) -> ProcessSpec:
    # The UI asks the server itself, by gRPC.
    ready_at = f"http://{ports.ui_itself}/api/v1/namespaces/{namespace}"
    return ProcessSpec(
        name="temporal",
        command=(str(_binary()), *_options(data.directory("temporal") / "temporal.db", ports, namespace)),
        log=data.log("temporal"),
        ready=lambda: probes.http_ok(ready_at),
        environment=environment,
        grace_seconds=3.0,
    )


def ui_guard_spec(data: DataDir, ports: TemporalPorts, environment: dict[str, str]) -> ProcessSpec:
    """Describe the guard, which admits users of this machine to the Web UI, and no foreign pages."""
    return ProcessSpec(
        name="temporal-ui",
        command=python("local.ui_guard", "--port", str(ports.ui.number), "--to", ports.ui_itself),
        log=data.log("temporal-ui"),
        ready=lambda: probes.http_ok(f"http://127.0.0.1:{ports.ui.number}/"),
        environment=environment,
        grace_seconds=1.0,
    )


def _options(database: Path, ports: TemporalPorts, namespace: str) -> list[str]:
    options = ["server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error"]
    options += ["--db-filename", str(database)]
    # Measured: without these two, 137 of 300 timers of one second were more than 5 s late.
    options += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"]
    options += ["--port", str(ports.frontend.number)]
    options += ["--ui-ip", ports.behind_address, "--ui-port", str(ports.behind.number)]
    options += [
        "--dynamic-config-value",
        _NO_HTTP_API,
        "--http-port",
        str(ports.http.number),
        "--metrics-port",
        str(ports.metrics.number),
    ]
    for attribute in _SEARCH_ATTRIBUTES:
        options += ["--search-attribute", f"{attribute}=Keyword"]
    if namespace != "default":
        options += ["--namespace", namespace]
    return options


def _binary() -> Path:
    binary = Path(sys.executable).parent / "temporal"
    if binary.exists():
        return binary
    raise ProcessFailed(
        f"The Temporal server is missing ({binary}): run `make setup`, or set STOPWATCH_TEMPORAL_ADDRESS."
    )
