"""Failpoints from a directory: a harness arms a step while everything runs, and one passing takes it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.process.failpoints import BadFailpoint, Planned, arm_from
from domain.failpoint import disarm, failpoint


@pytest.fixture
def armed(tmp_path: Path) -> Iterator[Path]:
    arm_from(f"dir:{tmp_path}")
    yield tmp_path
    disarm()


def files(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def test_a_step_passes_unharmed_when_its_file_is_not_there(armed: Path) -> None:
    await failpoint("entry.sent")
    assert files(armed) == []


async def test_a_step_fails_once_when_its_file_is_put_there(armed: Path) -> None:
    (armed / "entry.sent").write_text("raise")
    with pytest.raises(Planned):
        await failpoint("entry.sent")
    await failpoint("entry.sent")
    assert files(armed) == [f"entry.sent.{os.getpid()}"]


async def test_a_deed_that_does_not_exist_is_refused_when_it_is_taken(armed: Path) -> None:
    (armed / "entry.sent").write_text("explode")
    with pytest.raises(BadFailpoint):
        await failpoint("entry.sent")
