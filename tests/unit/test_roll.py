"""`deploy/roll.sh`: every process is replaced, one after the other, and none after one that is ill."""

import subprocess
from pathlib import Path

from tests.unit.compose_files import ROOT

ORDER = ["worker", "worker-2", "listener", "listener-2", "api", "api-2"]


def roll(directory: Path, *services: str, ill: str = "nobody") -> tuple[int, list[str], str]:
    """Run it with a `compose` that notes what it is told; return its status, that, and its complaint."""
    compose, told = directory / "compose", directory / "told"
    told.touch()
    compose.write_text(f'#!/bin/sh\necho "$*" >> {told}\nfor last; do :; done\ntest "$last" != {ill}\n')
    compose.chmod(0o755)
    ended = subprocess.run(
        [str(ROOT / "deploy" / "roll.sh"), *services],
        env={"PATH": "/usr/bin:/bin", "COMPOSE": str(compose), "PAUSE": "0"},
        capture_output=True,
        text=True,
    )
    return ended.returncode, told.read_text().splitlines(), ended.stderr


def test_the_schema_comes_first_then_the_workers_and_the_api_last(tmp_path: Path) -> None:
    status, told, _ = roll(tmp_path)
    assert status == 0
    assert told[:2] == ["build", "run --rm migrate"]
    assert [line.split()[-1] for line in told[2:]] == ORDER


def test_each_is_waited_for_and_takes_none_of_the_others_along(tmp_path: Path) -> None:
    _, told, _ = roll(tmp_path, "worker", "worker-2")
    assert len(told) == 2
    assert all({"--wait", "--no-deps"} <= set(line.split()) for line in told)


def test_what_comes_after_one_that_is_ill_is_not_touched(tmp_path: Path) -> None:
    status, told, complaint = roll(tmp_path, ill="worker-2")
    assert status == 1
    assert told[-1].split()[-1] == "worker-2"
    assert "worker-2 did not become healthy" in complaint
    assert "logs worker-2" in complaint


def test_a_migration_that_fails_replaces_nothing(tmp_path: Path) -> None:
    status, told, _ = roll(tmp_path, ill="migrate")
    assert status == 1
    assert told[-1] == "run --rm migrate"
