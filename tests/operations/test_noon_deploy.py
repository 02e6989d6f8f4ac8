"""A deploy at noon: the script that the page names replaces every process while days begin and end.

How late its orders are is measured by `python -m tests.operations.noon_deploy`, on an idle machine.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.operations.noon_deploy import Deployed, play
from tests.operations.previous import newest_migration, unpacked

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]


def judged(deployed: Deployed) -> None:
    assert deployed.status == 0, deployed.said
    assert deployed.lost == []
    assert deployed.left == []
    assert {order.leg for order in deployed.during} == {"buy", "sell", "stop"}
    assert deployed.unseen == []


def imported_from(code: Path) -> list[str]:
    """Return where a process that is started with that code has its modules from."""
    asked = subprocess.run(
        [sys.executable, "-c", "import worker, adapters; print(worker.__file__, adapters.__file__)"],
        env=os.environ | {"PYTHONPATH": str(code)},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.split()


async def test_every_process_is_replaced_and_no_order_is_lost(tmp_path: Path) -> None:
    judged(await play(tmp_path))


async def test_the_version_before_trades_on_this_schema_until_it_is_replaced(tmp_path: Path) -> None:
    """Its workers, listeners and API run on a database that this version has migrated."""
    old = unpacked(tmp_path / "previous")
    assert all(path.startswith(str(old)) for path in imported_from(old)), "the old code is what runs"
    assert not (old / newest_migration()).exists()
    judged(await play(tmp_path / "site", old))
