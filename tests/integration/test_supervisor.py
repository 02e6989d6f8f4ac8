"""What `stopwatch up` promises about processes: restarts, endings in order, nothing left behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from local import probes, watcher
from local import supervised_process as supervised
from local.ports import HeldPort
from local.process_spec import ProcessSpec
from local.start_errors import ProcessFailed
from local.supervisor import Supervisor

STOPWATCH = Path(sys.executable).parent / "stopwatch"

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


async def until(holds: Callable[[], bool], within: float = 15.0) -> None:
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - processes and files tell nobody
            await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether a process is gone; one that only waits to be reaped by somebody else is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return True


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


# --- the whole command, with stand-ins for the product's own processes


ROOMS = {
    "api": """
        import http.server, sys
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200); self.end_headers()
            def log_message(self, *_): pass
        port = int(sys.argv[sys.argv.index("--port") + 1])
        http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
    """,
    "worker": """
        import os, time
        open(os.environ["STOPWATCH_READY_FILE"], "w").write("ready\\n")
        time.sleep(600)
    """,
    "migrations": "",
}
ROOMS["listener"] = ROOMS["worker"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Stand-ins come before the product's own rooms, and no embedded service is needed."""
    for name, code in ROOMS.items():
        (tmp_path / "rooms").mkdir(exist_ok=True)
        (tmp_path / "rooms" / f"{name}.py").write_text(textwrap.dedent(code))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
    return {
        **kept,
        "PYTHONPATH": str(tmp_path / "rooms"),
        "STOPWATCH_DATABASE_URL": "postgresql://owner:secret@127.0.0.1:9/none",
        "STOPWATCH_REDIS_URL": "redis://127.0.0.1:9/0",
        "STOPWATCH_TEMPORAL_ADDRESS": "127.0.0.1:9",
        "STOPWATCH_KITE_ROOT": "http://127.0.0.1:9",
        "STOPWATCH_KITE_WS_ROOT": "ws://127.0.0.1:9",
    }


@pytest.fixture
def port() -> Iterator[int]:
    held = HeldPort.free()
    yield held.number
    held.release()


class Up:
    """A `stopwatch up` of its own."""

    def __init__(self, directory: Path, port: int, environment: dict[str, str], *more: str) -> None:
        self.data = directory / "data"
        self.output = directory / f"up-{port}.txt"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [STOPWATCH, "up", "--port", str(port), "--data-dir", self.data, *more],
                cwd=directory,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def endpoints(self) -> Path:
        return self.data / "endpoints.json"

    async def ready(self) -> dict[str, int]:
        await until(lambda: self.endpoints.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.output.read_text()
        pids = json.loads(self.endpoints.read_text())["pids"]
        return {kind: pid for kind, pid in pids.items() if isinstance(pid, int)}

    async def ended(self) -> int:
        await until(lambda: self.process.poll() is not None, within=25)
        return self.process.returncode


@contextmanager
def running(directory: Path, port: int, environment: dict[str, str], *more: str) -> Iterator[Up]:
    up = Up(directory, port, environment, *more)
    try:
        yield up
    finally:
        with suppress(ProcessLookupError):
            up.process.kill()
        up.process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_up_ends_with_0_and_leaves_nothing_when_signalled(
    tmp_path: Path, port: int, environment: dict[str, str], number: signal.Signals
) -> None:
    with running(tmp_path, port, environment) as up:
        pids = await up.ready()
        assert set(pids) == {"api", "worker", "listener"}
        assert up.endpoints.stat().st_mode & 0o777 == 0o600
        up.process.send_signal(number)
        assert await up.ended() == 0, up.output.read_text()
        assert all(gone(pid) for pid in pids.values())
        assert not up.endpoints.exists()


@pytest.mark.parametrize("line", ["Stopwatch starts", "schema"])
async def test_up_ends_with_0_when_signalled_while_it_starts(
    tmp_path: Path, port: int, environment: dict[str, str], line: str
) -> None:
    with running(tmp_path, port, environment) as up:
        await until(lambda: line in up.output.read_text())
        up.process.send_signal(signal.SIGINT)
        assert await up.ended() == 0
        assert "Traceback" not in up.output.read_text()


async def test_endpoints_name_the_new_process_when_a_part_was_killed(
    tmp_path: Path, port: int, environment: dict[str, str]
) -> None:
    with running(tmp_path, port, environment) as up:
        before = await up.ready()
        os.kill(before["api"], signal.SIGKILL)
        await until(lambda: json.loads(up.endpoints.read_text())["pids"]["api"] != before["api"])
        after = await up.ready()
        assert after["worker"] == before["worker"]
        await probes.http_ok(f"http://127.0.0.1:{port}/health/ready")


async def test_parts_end_when_up_itself_is_killed(
    tmp_path: Path, port: int, environment: dict[str, str]
) -> None:
    with running(tmp_path, port, environment) as up:
        pids = await up.ready()
        up.process.kill()
        await until(lambda: all(gone(pid) for pid in pids.values()))


async def test_second_up_is_refused_when_the_directory_is_in_use(
    tmp_path: Path, port: int, environment: dict[str, str]
) -> None:
    with running(tmp_path, port, environment) as up:
        await up.ready()
        other = HeldPort.free()
        other.release()
        with running(tmp_path, other.number, environment) as second:
            assert await second.ended() == 2
            said = second.output.read_text()
            assert f"in use by another `stopwatch up` (pid {up.process.pid})" in said
        assert up.endpoints.exists()


async def test_up_is_refused_when_its_port_is_in_use(tmp_path: Path, environment: dict[str, str]) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    try:
        with running(tmp_path, taken, environment) as up:
            assert await up.ended() == 2
            assert f"Port {taken} on 127.0.0.1 is in use" in up.output.read_text()
    finally:
        server.close()


async def test_up_is_refused_when_the_data_is_of_a_newer_version(
    tmp_path: Path, port: int, environment: dict[str, str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "version").write_text("999\n")
    with running(tmp_path, port, environment) as up:
        assert await up.ended() == 2
        assert "newer Stopwatch" in up.output.read_text()


async def test_up_is_refused_when_the_database_is_of_a_newer_version(
    tmp_path: Path, port: int, environment: dict[str, str]
) -> None:
    newer = "print('The database is newer than this Stopwatch.'); raise SystemExit(2)"
    (tmp_path / "rooms" / "migrations.py").write_text(newer)
    with running(tmp_path, port, environment) as up:
        assert await up.ended() == 2
        assert "The database is newer than this Stopwatch." in up.output.read_text()


async def test_up_says_which_part_and_why_when_one_does_not_come_up(
    tmp_path: Path, port: int, environment: dict[str, str]
) -> None:
    (tmp_path / "rooms" / "worker.py").write_text("raise SystemExit('STOPWATCH_SEAL_KEY is not set')")
    with running(tmp_path, port, environment) as up:
        assert await up.ended() == 1
        said = up.output.read_text()
        assert "worker does not come up" in said
        assert "STOPWATCH_SEAL_KEY is not set" in said
        assert "Traceback" not in said


async def test_several_workers_are_listed_when_asked_for(
    tmp_path: Path, port: int, environment: dict[str, str]
) -> None:
    with running(tmp_path, port, environment, "--workers", "2") as up:
        await up.ready()
        pids = json.loads(up.endpoints.read_text())["pids"]
        assert len(set(pids["worker"])) == 2
        assert isinstance(pids["listener"], int)


async def test_several_listeners_are_listed_and_end_with_the_rest(
    tmp_path: Path, port: int, environment: dict[str, str]
) -> None:
    with running(tmp_path, port, environment, "--listeners", "2") as up:
        await up.ready()
        pids = json.loads(up.endpoints.read_text())["pids"]
        assert len(set(pids["listener"])) == 2
        assert isinstance(pids["worker"], int)
        up.process.send_signal(signal.SIGTERM)
        assert await up.ended() == 0, up.output.read_text()
        assert all(gone(pid) for pid in pids["listener"])


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
