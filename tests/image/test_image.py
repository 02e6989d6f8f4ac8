"""The image is built from the Dockerfile, and every process of it runs as docker-compose.yml says."""

import asyncio
import os
import re
import signal

import pytest

from tests.unit.compose_files import ROOT

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]

PROCESSES = ("api", "worker", "listener")


async def test_the_image_is_built_and_runs_a_first_day_as_nobody_on_a_closed_root() -> None:
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "deploy" / "try-image.sh"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said = (await process.communicate())[0].decode(errors="replace")
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGTERM)
    assert process.returncode == 0, said
    size, most = re.findall(r"image: (\d+) MB on top of the base, of (\d+)", said)[0]
    assert int(size) <= int(most) == 350
    assert "ran as its own user on a root that cannot be written to" in said
    for name in PROCESSES:
        assert f"image: {name} /health/ready: 200" in said
        assert f"image: {name} ends: status 0" in said
