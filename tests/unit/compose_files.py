"""The two Compose files as they are written, and as `podman-compose` reads them together."""

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
BASE = ROOT / "docker-compose.yml"
PRODUCTION = ROOT / "deploy" / "production.yml"
Compose = dict[str, Any]
NEEDED = {
    "STOPWATCH_DOMAIN": "trade.example.com",
    "STOPWATCH_ACME_EMAIL": "ops@example.com",
    "STOPWATCH_ALERT_WEBHOOK": "https://pager.example.com/hook?team=a&key=b",
}
"""What production cannot do without, from `.env`."""
NOTHING: Mapping[str, str] = {}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types here
    """Reads Compose's own tags as what they stand for."""


_Loader.add_constructor("!reset", lambda loader, node: loader.construct_sequence(node))


def written(path: Path) -> Compose:
    """Return a file as it is written."""
    return dict(yaml.load(path.read_text(), Loader=_Loader))  # noqa: S506 - safe


def merged(*paths: Path, environment: Mapping[str, str] = NOTHING, profiles: tuple[str, ...] = ()) -> Compose:
    """Return what `podman-compose config` makes of the files. Raises `CalledProcessError`."""
    return _merged(paths, profiles, tuple(sorted(environment.items())))


@cache
def _merged(
    paths: tuple[Path, ...], profiles: tuple[str, ...], environment: tuple[tuple[str, str], ...]
) -> Compose:
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    files = [word for path in paths for word in ("-f", str(path))]
    with TemporaryDirectory() as programs:
        # It asks which podman there is before it reads anything; nothing is started here.
        podman = Path(programs, "podman")
        podman.write_text("#!/bin/sh\necho 'podman version 5.4.2'\n")
        podman.chmod(0o755)
        told = subprocess.run(
            [str(Path(sys.executable).parent / "podman-compose"), *chosen, *files, "config"],
            cwd=ROOT,
            env={"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", **dict(environment)},
            check=True,
            capture_output=True,
            text=True,
        )
    return dict(yaml.safe_load(told.stdout))
