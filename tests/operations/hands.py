"""Starts and ends one process, as START and STOP of deploy/noon.sh.

`python -m tests.operations.hands start KIND VERSION NUMBER`, and the same with `stop`: SITE names the
directory of a `Site`, which says how a process of each kind is started.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_WITHIN = 90.0
ENDS_WITHIN = 30.0


@dataclass(frozen=True)
class Hands:
    """An operator at the machine whose processes `site` describes."""

    site: Path

    def start(self, kind: str, version: str, number: str) -> int:
        """Start it, unless it runs; return once it is ready. Raises `TimeoutError`."""
        name = f"{kind}-{version}-{number}"
        if self.alive(name):
            return 0
        part = self._parts()[kind]
        ready = self.site / f"{name}.ready"
        ready.unlink(missing_ok=True)
        environment = part["environment"] | {
            "STOPWATCH_READY_FILE": str(ready),
            "STOPWATCH_BUILD_ID": version,
        }
        command = list(part["command"])
        if kind == "api":
            command += ["--port", str(part["ports"][f"{version}-{number}"])]
        with (self.site / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=self.site, stdout=log, stderr=log, start_new_session=True
            )
        self._pid_of(name).write_text(str(process.pid))
        if kind == "api":
            url = f"http://127.0.0.1:{command[-1]}/health/live"
            return _until(lambda: _answers(url), READY_WITHIN, f"{name} is not ready")
        return _until(ready.exists, READY_WITHIN, f"{name} is not ready")

    def stop(self, kind: str, version: str, number: str) -> int:
        """Ask it to end; return once it has. Raises `TimeoutError`."""
        name = f"{kind}-{version}-{number}"
        if self.alive(name):
            os.kill(int(self._pid_of(name).read_text()), signal.SIGTERM)
        return _until(lambda: not self.alive(name), ENDS_WITHIN, f"{name} does not end")

    def kill_all(self) -> None:
        """End at once whatever was started here and still runs."""
        for pid in self.site.glob("*.pid"):
            if self.alive(pid.stem):
                os.kill(int(pid.read_text()), signal.SIGKILL)

    def alive(self, name: str) -> bool:
        """Tell whether the process of that name runs."""
        path = self._pid_of(name)
        if not path.exists():
            return False
        try:
            state = Path(f"/proc/{path.read_text()}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state != "Z"

    def _pid_of(self, name: str) -> Path:
        return self.site / f"{name}.pid"

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = json.loads((self.site / "parts.json").read_text())
        return parts


def _until(holds: Callable[[], bool], seconds: float, otherwise: str) -> int:
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError(f"{otherwise} after {seconds:.0f} s")
        time.sleep(0.1)
    return 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - ours
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def main() -> int:
    what, *which = sys.argv[1:]
    hands = Hands(Path(os.environ["SITE"]))
    return hands.start(*which) if what == "start" else hands.stop(*which)


if __name__ == "__main__":
    sys.exit(main())
