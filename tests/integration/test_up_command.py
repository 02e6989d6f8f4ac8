"""The whole `stopwatch up`, with stand-ins for the product's own processes: ready, refused, ended."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from local import probes
from local.ports import HeldPort
from tests.local_processes import gone, until

STOPWATCH = Path(sys.executable).parent / "stopwatch"
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
