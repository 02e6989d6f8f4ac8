"""What a page of the internet reaches of the Temporal that `up` brings: nothing, by any name."""

import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import aiohttp
import pytest
from temporalio.client import Client

from local import temporal
from local.data_dir import opened
from local.ports import HeldPort
from local.supervisor import Supervisor
from local.temporal import TemporalPorts

EVIL = "https://evil.example"
START = '{"workflowType": {"name": "StrategyRun"}, "taskQueue": {"name": "stopwatch"}}'
ASKED = ("/api/v1/namespaces", "/api/v1/namespaces/default/workflows", "/namespaces/default", "/")
LISTENS = "0A"


@dataclass
class House:
    ports: TemporalPorts
    sockets: list[tuple[str, int]]
    http: aiohttp.ClientSession
    client: Client

    async def answer(self, method: str, url: str, **headers: str) -> tuple[int, str]:
        """Return status and body; 0 where it was no HTTP that answered."""
        text = START if method == "POST" else None
        try:
            async with self.http.request(method, url, data=text, headers=headers) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    async def started(self) -> int:
        return (await self.client.count_workflows("WorkflowType = 'StrategyRun'")).count


def listening(pid: int) -> list[tuple[str, int]]:
    """Return address and port of every listening socket of a process."""
    mine = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == LISTENS and f"socket:[{words[9]}]" in mine:
            address, port = words[1].split(":")
            found.append((".".join(str(part) for part in reversed(bytes.fromhex(address))), int(port, 16)))
    return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    if sys.platform != "linux":
        pytest.skip("listening sockets are read from /proc, which only Linux has")
    supervisor = Supervisor(lambda said: None)
    with opened(tmp_path / "data") as data:
        free = HeldPort.free
        ports = TemporalPorts(free(), free(), free(), free(), free())
        await supervisor.start(temporal.spec(data, ports, "default", dict(os.environ)))
        await supervisor.start(temporal.ui_guard_spec(data, ports, dict(os.environ)))
        pid = supervisor.pids()["temporal"]
        assert pid is not None
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            client = await Client.connect(ports.address)
            yield House(ports, listening(pid), http, client)
        await supervisor.stop()


async def test_no_port_of_temporal_takes_a_request_of_a_page(house: House) -> None:
    """By any name: the page's own, this machine's, none at all."""
    on_loopback = [port for address, port in house.sockets if address == "127.0.0.1"]
    assert {house.ports.frontend.number, house.ports.http.number} <= set(on_loopback)
    assert len(on_loopback) >= 4
    for port in on_loopback:
        for host in ("evil.example", "evil.example:80", "localhost", f"127.0.0.1:{port}", "no%20host", "*"):
            for path in ASKED[:2]:
                status, _ = await house.answer("GET", f"http://127.0.0.1:{port}{path}", Host=host)
                assert status == 0 or status >= 400, (port, host, path, status)
            started = f"http://127.0.0.1:{port}/api/v1/namespaces/default/workflows/planted"
            kind = {"Content-Type": "text/plain", "Origin": EVIL, "Host": host}
            status, _ = await house.answer("POST", started, **kind)
            assert status == 0 or status >= 400, (port, host, status)
    assert await house.started() == 0


async def test_the_ui_itself_listens_where_no_page_can_name_it(house: House) -> None:
    (behind,) = [(address, port) for address, port in house.sockets if address != "127.0.0.1"]
    assert behind == (house.ports.behind_address, house.ports.behind.number)
    assert temporal.unnamed_address() != temporal.unnamed_address()


async def test_the_ui_is_shown_to_its_own_pages_alone(house: House) -> None:
    port = house.ports.ui.number
    own = {"Host": f"127.0.0.1:{port}"}
    strangers = (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": f"127.0.0.1:{port}.evil.example"},
        own | {"Origin": EVIL},
        own | {"Origin": "null"},
        own | {"Origin": f"http://127.0.0.1:{port + 1}"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    )
    for headers, path, method in product(strangers, ASKED, ("GET", "POST", "PUT", "DELETE", "OPTIONS")):
        status, said = await house.answer(method, f"http://127.0.0.1:{port}{path}", **headers)
        assert (status, "stopwatch up" in said) == (403, True), (headers, path, method, status)
    assert await house.started() == 0


async def test_a_person_at_this_machine_sees_the_ui_and_can_act_in_it(house: House) -> None:
    port = house.ports.ui.number
    for name in ("127.0.0.1", "localhost"):
        status, page = await house.answer("GET", f"http://127.0.0.1:{port}/", Host=f"{name}:{port}")
        assert (status, "<!doctype html>" in page.lower()) == (200, True)
    api = f"http://127.0.0.1:{port}/api/v1/namespaces/default"
    async with house.http.get(api) as answer:
        assert answer.status == 200
        cookie = answer.cookies["_csrf"].value
    own = {"Origin": f"http://127.0.0.1:{port}", "X-CSRF-TOKEN": cookie, "Cookie": f"_csrf={cookie}"}
    kind = {"Content-Type": "application/json"}
    status, said = await house.answer("POST", f"{api}/workflows/by-hand", **own, **kind)
    assert status == 200, said
    # Its own list is asked of the same server as by gRPC.
    assert await house.client.get_workflow_handle("by-hand").describe() is not None
