"""What the supervisor of `stopwatch up` promises about processes: restarts, ends in order, nothing left."""

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from local import probes, watcher
from local import supervised_process as supervised
from local.ports import HeldPort
from local.process_spec import ProcessSpec
from local.start_errors import ProcessFailed
from local.supervisor import Supervisor
from tests.local_processes import gone, until

# Says that it is ready, and on SIGTERM writes its name below those that ended before it.
STAND_IN = """
import os, signal, sys, time
name, mark, ends = sys.argv[1:4]
def end(*_):
    with open(ends, "a") as file: file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
with open(mark, "w") as file: file.write("ready\\n")
while True: time.sleep(60)
"""


def part_of(tmp_path: Path, name: str, code: str = STAND_IN, **more: object) -> ProcessSpec:
    mark = tmp_path / f"{name}.ready"
    return ProcessSpec(
        name=name,
        command=(sys.executable, "-c", code, name, str(mark), str(tmp_path / "ends")),
        log=tmp_path / f"{name}.log",
        ready=lambda: probes.file_says_ready(mark),
        environment=dict(os.environ),
        ready_file=mark,
        **more,  # type: ignore[arg-type]
    )


@asynccontextmanager
async def supervisor() -> AsyncIterator[tuple[Supervisor, list[str]]]:
    said: list[str] = []
    made = Supervisor(said.append)
    try:
        yield made, said
    finally:
        await made.stop()


def pid_of(made: Supervisor, name: str) -> int:
    pid = made.pids()[name]
    assert pid is not None
    return pid


async def test_parts_end_in_order_when_stopped(tmp_path: Path) -> None:
    async with supervisor() as (made, _):
        for name in ("postgres", "api", "worker-1", "worker-2", "listener"):
            await made.start(part_of(tmp_path, name))
        pids = [pid_of(made, name) for name in made.pids()]
        await made.stop()
        ended = (tmp_path / "ends").read_text().split()
        assert ended[0] == "listener"
        assert sorted(ended[1:3]) == ["worker-1", "worker-2"]
        assert ended[3:] == ["api", "postgres"]
        assert all(gone(pid) for pid in pids)


async def test_part_is_started_again_when_it_is_killed(tmp_path: Path) -> None:
    async with supervisor() as (made, said):
        await made.start(part_of(tmp_path, "worker"))
        first = pid_of(made, "worker")
        os.kill(first, signal.SIGKILL)
        await until(lambda: made.pids()["worker"] not in (None, first))
        await until(lambda: len(said) == 2)
        assert said[0] == f"worker (pid {first}) ended: killed by SIGKILL. It is started again."
        assert said[1].startswith("worker is back after ")


async def test_part_is_started_again_whenever_its_probe_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the very step of the loop in which the end is noticed: `wait_for` loses that cancellation."""
    monkeypatch.setattr(supervised, "_PAUSES", (0.01,))
    lives: list[int] = []

    async def ready() -> None:
        await probes.file_says_ready(tmp_path / "worker.ready")
        if lives:
            while made.pids()["worker"] == lives[-1]:  # noqa: ASYNC110 - a step of the loop is the measure
                await asyncio.sleep(0)
            for _ in range(len(lives)):
                await asyncio.sleep(0)
            raise ConnectionRefusedError

    async with supervisor() as (made, _):
        await made.start(replace(part_of(tmp_path, "worker"), ready=ready))
        for _ in range(10):
            lives.append(pid_of(made, "worker"))
            await until((tmp_path / "worker.ready").exists)
            await asyncio.sleep(0.1)  # it is being asked now
            os.kill(lives[-1], signal.SIGKILL)
            await until(lambda: made.pids()["worker"] not in (None, lives[-1]))


async def test_children_of_a_part_end_with_it_when_it_is_killed(tmp_path: Path) -> None:
    parent = f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
        open(sys.argv[2], "w").write("ready\\n")
        time.sleep(600)
    """
    async with supervisor() as (made, _):
        await made.start(part_of(tmp_path, "worker", textwrap.dedent(parent)))
        grandchild = int((tmp_path / "child").read_text())
        os.kill(pid_of(made, "worker"), signal.SIGKILL)
        await until(lambda: gone(grandchild))


async def test_crash_loop_says_why_and_slows_down_when_a_part_keeps_dying(tmp_path: Path) -> None:
    once = tmp_path / "once"
    code = f"""
        import os, sys, time
        if os.path.exists({str(once)!r}): sys.exit("the database is not mine")
        open({str(once)!r}, "w").close(); open(sys.argv[2], "w").write("ready\\n"); time.sleep(600)
    """
    async with supervisor() as (made, said):
        await made.start(part_of(tmp_path, "api", textwrap.dedent(code)))
        os.kill(pid_of(made, "api"), signal.SIGKILL)
        await until(lambda: len(said) == 3)
        assert "api" in said[1]
        assert "exit status 1" in said[1]
        assert "the database is not mine" in said[1]
        assert said[0].endswith("It is started again.")
        assert "Next try in 0.5 s" in said[1]
        assert "Next try in 1 s" in said[2]


async def test_start_fails_with_the_reason_when_a_part_never_comes_up(tmp_path: Path) -> None:
    async with supervisor() as (made, _):
        dying = part_of(tmp_path, "api", "import sys; sys.exit('no settings at all')")
        with pytest.raises(ProcessFailed, match=r"api does not come up[\s\S]*no settings at all"):
            await made.start(dying)


async def test_start_fails_with_the_reason_when_a_part_never_answers(tmp_path: Path) -> None:
    async with supervisor() as (made, _):
        mute = part_of(
            tmp_path,
            "worker",
            "import time; print('thinking', flush=True); time.sleep(600)",
            ready_within_seconds=0.5,
        )
        with pytest.raises(ProcessFailed, match=r"worker runs but did not answer[\s\S]*thinking"):
            await made.start(mute)


async def test_start_fails_with_the_reason_when_the_program_is_missing(tmp_path: Path) -> None:
    missing = ProcessSpec(
        name="temporal",
        command=(str(tmp_path / "temporal"),),
        log=tmp_path / "log",
        ready=lambda: probes.file_says_ready(tmp_path / "never"),
    )
    async with supervisor() as (made, _):
        with pytest.raises(ProcessFailed, match=r"temporal cannot be started: .*No such file"):
            await made.start(missing)


async def test_stop_kills_a_part_when_it_ignores_its_signal(tmp_path: Path) -> None:
    deaf = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(sys.argv[2], "w").write("ready\\n")
        while True: time.sleep(60)
    """
    async with supervisor() as (made, _):
        await made.start(part_of(tmp_path, "worker", textwrap.dedent(deaf), grace_seconds=0.3))
        pid = pid_of(made, "worker")
        await made.stop()
        assert gone(pid)


async def test_stop_gives_no_more_time_when_it_is_hurried(tmp_path: Path) -> None:
    deaf = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(sys.argv[2], "w").write("ready\\n")
        while True: time.sleep(60)
    """
    async with supervisor() as (made, _):
        await made.start(part_of(tmp_path, "worker", textwrap.dedent(deaf), grace_seconds=600))
        stopping = asyncio.create_task(made.stop())
        made.hurry()
        await asyncio.wait_for(stopping, 15)


async def test_part_ends_in_order_when_it_was_halted_before(tmp_path: Path) -> None:
    async with supervisor() as (made, _):
        await made.start(part_of(tmp_path, "worker"))
        os.kill(pid_of(made, "worker"), signal.SIGSTOP)
        await made.stop()
        assert (tmp_path / "ends").read_text() == "worker\n"


async def test_held_port_is_refused_to_others_and_open_to_its_part() -> None:
    held = HeldPort.free()
    try:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", held.number)
        server.close()
        await server.wait_closed()
        assert all(HeldPort.free().number != held.number for _ in range(3))
    finally:
        held.release()


async def test_watcher_ends_a_part_when_the_watched_process_is_gone() -> None:
    """What stands in for the kernel's own signal on systems without it."""
    sleeping = (sys.executable, "-c", "import time; time.sleep(600)")
    up = await asyncio.create_subprocess_exec(*sleeping)
    part = await asyncio.create_subprocess_exec(*sleeping)
    beside = await asyncio.create_subprocess_exec(*watcher.command(up.pid, part.pid, signal.SIGKILL))
    up.kill()
    await up.wait()
    async with asyncio.timeout(15):
        assert await part.wait() == -signal.SIGKILL
        assert await beside.wait() == 0
