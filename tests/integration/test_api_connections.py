"""Connections that would wear the API out: heads and bodies without end, that drip or lie; and too many."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import uvicorn

from adapters.postgres.engine import Store
from api.http import request_json as body_module
from api.http.connections import HEAD_LIMIT, most_connections, protocol
from api.http.request_json import LIMIT
from services.auth.passwords import Passwords
from tests.api_world import World, new_world

HEAD = "POST /auth/login HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\n"


@pytest.fixture
async def world(store: Store, passwords: Passwords) -> World:
    return new_world(store, passwords)


@asynccontextmanager
async def served(world: World, connections: int = 200, head_seconds: float = 30) -> AsyncIterator[int]:
    """Serve the app as the process does, with limits for a test; give its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        world.app,
        http=protocol(connections, head_seconds),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def opened(port: int, *sent: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("".join(sent).encode())
    return reader, writer


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Return status and body of what comes before the connection is closed."""
    raw = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(60):
            while chunk := await reader.read(65536):
                raw += chunk
    head, _, body = raw.decode(errors="replace").partition("\r\n\r\n")
    return int(head.split(" ")[1]) if head else 0, body


async def is_well(port: int) -> bool:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"http://127.0.0.1:{port}/health/live", timeout=30)).status_code == 200


async def test_a_body_without_end_is_cut_after_the_limit_and_never_kept(world: World) -> None:
    async with served(world) as port:
        reader, writer = await opened(port, HEAD, "Transfer-Encoding: chunked\r\n\r\n")
        sent, chunk = 0, "400\r\n" + "x" * 0x400 + "\r\n"
        answering = asyncio.create_task(answer_of(reader))
        with suppress(ConnectionError):
            while not answering.done() and sent < 64 * 1024 * 1024:
                writer.write(chunk.encode())
                await writer.drain()
                sent += 0x400
                await asyncio.sleep(0)
        status, _ = await answering
        writer.close()
        # What lies in the buffers of two sockets was sent as well, and nothing near what a client could send.
        assert status in (413, 0)
        assert LIMIT < sent < 32 * 1024 * 1024
        assert await is_well(port)


@pytest.mark.parametrize(
    ("length", "status"),
    [("999999999999", 413), (str(LIMIT + 1), 413), ("-1", 400), ("1, 2", 400), ("ten", 400), ("٣", 400)],
)
async def test_a_length_that_is_false_is_answered_before_a_byte_of_the_body(
    world: World, length: str, status: int
) -> None:
    async with served(world) as port:
        reader, writer = await opened(port, HEAD, f"Content-Length: {length}\r\n\r\n")
        assert (await answer_of(reader))[0] == status
        writer.close()


async def test_a_request_is_never_smuggled_behind_another(world: World) -> None:
    async with served(world) as port:
        smuggled = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        both = f"Content-Length: {len(smuggled) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        reader, writer = await opened(port, HEAD, both)
        writer.write_eof()
        status, body = await answer_of(reader)
        assert status == 400
        assert '{"status":"ok"}' not in body
        writer.close()


async def test_heads_that_drip_are_ended_while_others_are_served(world: World) -> None:
    async with served(world, head_seconds=1.5) as port:
        slow = [await opened(port, HEAD, "X-Drip: ") for _ in range(50)]
        silent = await opened(port)
        newlines = await opened(port, "\r\n\r\n")
        assert await is_well(port)
        for reader, writer in slow:
            status, body = await answer_of(reader)
            assert (status, json.loads(body)["code"]) == (408, "too_slow")
            writer.close()
        assert (await answer_of(silent[0]))[0] == 0
        assert (await answer_of(newlines[0]))[0] in (0, 408)
        for _, writer in (silent, newlines):
            writer.close()


async def test_a_second_head_on_a_kept_connection_may_not_drip_either(world: World) -> None:
    async with served(world, head_seconds=1.5) as port:
        live = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        reader, writer = await opened(port, live)
        assert b"200 OK" in await reader.readuntil(b'"ok"}')
        writer.write(b"GET /health/live HTTP/1.1\r\nX-Drip: ")
        assert (await answer_of(reader))[0] == 408
        writer.close()


async def test_a_kept_connection_that_is_quiet_stays_for_longer_than_a_head_may_take(world: World) -> None:
    async with served(world, head_seconds=0.5) as port:
        live = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        reader, writer = await opened(port, live.decode())
        for _ in range(2):
            assert b"200 OK" in await reader.readuntil(b'"ok"}')
            await asyncio.sleep(1)
            writer.write(live)
        assert b"200 OK" in await reader.readuntil(b'"ok"}')
        writer.close()


async def test_a_body_that_drips_is_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "SECONDS", 1.0)
    async with served(world) as port:
        reader, writer = await opened(port, HEAD, "Content-Length: 100\r\n\r\n{")
        status, body = await answer_of(reader)
        assert (status, json.loads(body)["code"]) == (408, "too_slow")
        writer.close()


async def test_a_head_without_end_is_refused_before_it_fills_the_memory(world: World) -> None:
    async with served(world) as port:
        for endless in ("X-Long: " + "x" * 4096, "GET /" + "x" * 4096):
            start = "" if endless.startswith("GET") else HEAD
            reader, writer = await opened(port, start, endless)
            answering = asyncio.create_task(answer_of(reader))
            sent = 0
            with suppress(ConnectionError):
                while not answering.done() and sent < 64 * 1024 * 1024:
                    writer.write(b"x" * 4096)
                    await writer.drain()
                    sent += 4096
                    await asyncio.sleep(0)
            assert (await answering)[0] in (431, 0)
            assert HEAD_LIMIT - 8192 < sent < 32 * 1024 * 1024
            writer.close()
        assert await is_well(port)


async def test_connections_beyond_the_limit_are_told_so_and_the_others_are_served(world: World) -> None:
    async with served(world, connections=20) as port:
        held = [await opened(port) for _ in range(19)]
        await asyncio.sleep(0.2)
        assert await is_well(port)
        held.append(await opened(port))
        await asyncio.sleep(0.2)
        for _ in range(10):
            reader, writer = await opened(port)
            status, body = await answer_of(reader)
            assert (status, json.loads(body)["code"]) == (503, "too_many_connections")
            writer.close()
        for _, writer in held:
            writer.close()
        await asyncio.sleep(0.2)
        assert await is_well(port)


def test_the_process_leaves_files_for_what_it_needs_itself() -> None:
    import resource

    connections = most_connections()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 16 <= connections <= soft - 200
