"""Runs every process of the image as docker-compose.yml says: deploy/try-image.sh builds it and calls this.

In a network of its own; each step is a line, and what it found. Status 1 with the first that is not so.
"""

# ruff: noqa: T201 - the script's log
import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.secret_files import write_files
from tests.image.container import Container, Machine
from tests.image.parts import parts
from tests.unit.compose_files import BASE, merged

NAMES = ("postgres", "redis", "temporal", "paper", "api", "worker", "listener")
REHEARSAL = {
    "STOPWATCH_KITE_ROOT": "http://paper:8100",
    "STOPWATCH_KITE_WS_ROOT": "ws://paper:8100",
    "STOPWATCH_CALENDAR": "always-open",
}
"""What `.env.example` says for a trial on the paper exchange."""
ENDS_WITHIN = 25
"""Seconds: `stop_grace_period` of docker-compose.yml."""


class NotSo(Exception):
    """A step found something else than it should; the message says what."""


class Trial:
    """The services in the image, and the steps of a first day."""

    def __init__(self, home: Path, product: Path, ops: Path, config: Mapping[str, Any]) -> None:
        self.machine = Machine(home, home / "secrets")
        self.services = merged(BASE, environment=REHEARSAL, profiles=("paper", "ops"))["services"]
        self.config, self.product, self.ops = config, product, ops
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def container(self, name: str, **given: str) -> Container:
        """Return a service; Compose passes on what `.env` has of the names without a value."""
        service = self.services[name]
        passed = {key: REHEARSAL[key] for key in (service.get("environment") or {}) if key in REHEARSAL}
        root = self.ops if name == "ops" else self.product
        return Container(name, service, self.config, root, self.machine, {**passed, **given})

    def ends_well(self, name: str, *command: str, holds: str = "") -> str:
        """Run a command in a service. Raises `NotSo` where it fails, or says something else."""
        status, said = self.container(name).run(*command)
        if status or holds not in said:
            raise NotSo(f"{name} {' '.join(command)} ended with {status} and said:\n{said}")
        tell(
            f"{name} {' '.join(command)}".rstrip(),
            said.strip().splitlines()[-1] if said.strip() else "ended well",
        )
        return said

    def begin(self, name: str, **given: str) -> None:
        """Start a service and wait until its own check calls it healthy. Raises `NotSo`."""
        service, since = self.container(name, **given), time.monotonic()
        self.running[name] = service.start()
        while "healthcheck" in service.service and not service.healthy():
            if self.running[name].poll() is not None or time.monotonic() - since > 60:
                raise NotSo(f"{name} is not healthy and says:\n{service.log.read_text()[-3000:]}")
            time.sleep(0.2)
        tell(name, f"healthy after {time.monotonic() - since:.1f} s")

    def end(self) -> None:
        """End every service as Compose does. Raises `NotSo` for one that does not end in its time."""
        for name, process in reversed(self.running.items()):
            since = time.monotonic()
            process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                raise NotSo(f"{name} did not end within {ENDS_WITHIN} s") from None
            tell(f"{name} ends", f"status {status} after {time.monotonic() - since:.1f} s")

    def kill(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


def tell(what: str, found: str) -> None:
    print(f"image: {what}: {found}", flush=True)


def refuses_to_be_written(trial: Trial) -> None:
    """Try to write where a container may not, and where it may. Raises `NotSo`."""
    everywhere = "/opt/stopwatch /opt/venv/bin /etc /usr/bin /run/secrets /var/lib/paper"
    tried = (
        f"id -u; for d in {everywhere}; do ! touch $d/x 2>/dev/null || echo wrote to $d; done; touch /tmp/x x"
    )
    said = trial.ends_well(
        "ops", "/bin/sh", "-euc", f"{tried}; grep -E 'NoNewPrivs|CapBnd' /proc/self/status"
    )
    lines = said.split()
    if lines[0] != "10001" or "wrote" in lines or lines[-4:] != ["CapBnd:", "0" * 16, "NoNewPrivs:", "1"]:
        raise NotSo(f"the root is not closed, or the process may become somebody else:\n{said}")


AMAZON = (
    "import boto3; [boto3.client(name, region_name='ap-south-1') for name in ('cloudwatch', 'logs', 'sts')]"
)
"""The Dockerfile takes the other services' descriptions out."""


async def first_day(trial: Trial) -> None:
    """Deploy as docs/growing.md says, and type an operator's commands. Raises `NotSo`."""
    refuses_to_be_written(trial)
    trial.ends_well("migrate")
    trial.ends_well("ops", "python", "-c", AMAZON)
    trial.begin("paper")
    await asyncio.sleep(1)
    trial.begin("worker")
    # Here all share one network, so the second of the same port has another.
    trial.begin("listener", STOPWATCH_METRICS_PORT="9466")
    trial.begin("api")
    for name, port in (("api", 8000), ("worker", 9464), ("listener", 9466)):
        await ready(trial, name, port)
    doctor = trial.ends_well("ops", "stopwatch", "doctor", holds="Reconciler")
    print(doctor, flush=True)
    trial.ends_well("ops", "stopwatch", "kill-switch", "on", "--reason", "a trial", holds="Nothing is bought")
    trial.ends_well("ops", "stopwatch", "kill-switch", "off", "--reason", "it was one")
    trial.ends_well("ops", "stopwatch", "positions")
    trial.ends_well("ops", "stopwatch", "audit", "verify", "--anchor", "audit.json")
    trial.ends_well(
        "ops", "temporal", "workflow", "describe", "-w", "stopwatch-reconciler", holds="HistoryLength"
    )
    trial.end()


async def ready(trial: Trial, name: str, port: int) -> None:
    """Wait until a process says that it could work, from inside its container. Raises `NotSo`."""
    asks = "import sys,urllib.request as u; u.urlopen(sys.argv[1], timeout=5)"
    since, said = time.monotonic(), ""
    while time.monotonic() - since < 60:
        status, said = trial.container(name).run(
            "python", "-c", asks, f"http://127.0.0.1:{port}/health/ready"
        )
        if status == 0:
            return tell(f"{name} /health/ready", "200")
        await asyncio.sleep(0.5)
    raise NotSo(f"{name} is not ready: {said[-500:]}")


async def main(words: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="stopwatch-image-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        config = json.loads(words.config.read_text())["OCIv1"]["config"]
        trial = Trial(home, words.root, words.ops, config)
        trial.machine.prepare(NAMES)
        write_files(trial.machine.secrets)
        async with parts(home, trial.machine.secrets):
            tell("Postgres, Redis and Temporal", "answer")
            try:
                await first_day(trial)
            except NotSo as fault:
                tell("NOT SO", str(fault))
                return 1
            finally:
                trial.kill()
    tell("every process", "ran as its own user on a root that cannot be written to")
    return 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--ops", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(options())))
