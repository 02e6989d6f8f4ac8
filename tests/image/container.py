"""A container without an engine: the image's root, read-only, with the user and environment of Compose."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENTER = """
mount --bind "$ROOT" "$ROOT"
mount -t tmpfs tmpfs "$ROOT/run"
mkdir "$ROOT/run/secrets"
for name in $SECRETS; do
    touch "$ROOT/run/secrets/$name"
    mount --bind "$SECRETS_DIR/$name" "$ROOT/run/secrets/$name"
    mount -o remount,bind,ro "$ROOT/run/secrets/$name"
done
mount -t tmpfs -o rw,noexec,nosuid,nodev,size=64m,mode=1777 tmpfs "$ROOT/tmp"
mount --rbind /proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount --bind "$HOSTS" "$ROOT/etc/hosts"
mount -o remount,bind,ro "$ROOT"
for pair in $VOLUMES; do mount --bind "${pair%%:*}" "$ROOT${pair#*:}"; done
exec chroot "$ROOT" /usr/bin/setpriv --reuid "$UID_" --regid "$UID_" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all -- /usr/bin/env -i -C "$WORKDIR" "$@"
"""
"""What an engine does: a root that cannot be written to, a /tmp, the secrets, and no rights."""


OWN_MOUNTS = ("unshare", "--mount", "--propagation", "private", "--")


@dataclass(frozen=True, slots=True)
class Machine:
    """What all containers share: the names of the services, the secrets, the volumes, the logs."""

    home: Path
    secrets: Path

    def prepare(self, names: Sequence[str]) -> None:
        """Let every user pass, and write the file by which every service's name is this machine."""
        self.home.chmod(0o755)
        (self.home / "hosts").write_text("127.0.0.1 localhost " + " ".join(names) + "\n")

    def volume(self, name: str, root: Path, place: str) -> Path:
        """Return a volume, made as Docker makes it: its owner is that of the image's directory."""
        made = self.home / "volumes" / name
        if not made.exists():
            made.mkdir(parents=True)
            owner = (root / place.lstrip("/")).stat()
            os.chown(made, owner.st_uid, owner.st_gid)
        return made


@dataclass(frozen=True, slots=True)
class Container:
    """A service of the Compose file, in the image."""

    name: str
    service: Mapping[str, Any]
    config: Mapping[str, Any]
    root: Path
    machine: Machine
    given: Mapping[str, str]

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command, the service's own without one; what it says is in its log."""
        words = list(command) or [*self._entrypoint(), *self.service.get("command", [])]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*OWN_MOUNTS, "/bin/sh", "-euc", ENTER, "enter", *self._environment(), *words],
                env={"PATH": os.environ["PATH"], **self._place()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def run(self, *command: str, within: float = 90) -> tuple[int, str]:
        """Run a command to its end; return its status and what it said."""
        before = self.log.stat().st_size if self.log.exists() else 0
        process = self.start(*command)
        try:
            status = process.wait(within)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            status = process.wait()
        return status, self.log.read_bytes()[before:].decode(errors="replace")

    def healthy(self) -> bool:
        """Ask as the service's own check asks."""
        first, *test = self.service["healthcheck"]["test"]
        words = [word.replace(":9464", f":{self._port()}") for word in test]
        return self.run(*(words if first == "CMD" else ["/bin/sh", "-c", *words]), within=20)[0] == 0

    @property
    def log(self) -> Path:
        return self.machine.home / f"{self.name}.log"

    def _entrypoint(self) -> list[str]:
        own = self.service.get("entrypoint")
        return list(self.config["Entrypoint"] if own is None else own)

    def _port(self) -> str:
        return self.given.get("STOPWATCH_METRICS_PORT", "9464")

    def _environment(self) -> list[str]:
        named = dict(pair.split("=", 1) for pair in self.config["Env"])
        for name, value in (self.service.get("environment") or {}).items():
            if value is not None:
                named[name] = str(value)
        return [f"{name}={value}" for name, value in {**named, **self.given}.items()]

    def _place(self) -> dict[str, str]:
        volumes = [str(mount).split(":")[:2] for mount in self.service.get("volumes", [])]
        mounted = [f"{self.machine.volume(name, self.root, place)}:{place}" for name, place in volumes]
        return {
            "ROOT": str(self.root),
            "SECRETS": " ".join(self.service.get("secrets", [])),
            "SECRETS_DIR": str(self.machine.secrets),
            "HOSTS": str(self.machine.home / "hosts"),
            "VOLUMES": " ".join(mounted),
            "UID_": str(self.service["user"]).split(":")[0],
            "WORKDIR": str(self.service.get("working_dir", self.config["WorkingDir"])),
        }
