"""A server that answers every request in one scripted way, byte by byte: what no well-made server does."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


class ScriptedServer:
    """Plays `script` to each request on a free port and keeps the requests, head and body."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.requests: list[str] = []
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(talk)
        await asyncio.wait({talk})
        self._talks.discard(talk)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.requests.append(head + (await reader.readexactly(_length(head))).decode())
                await self._script(writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client left
        finally:
            writer.close()


def _length(head: str) -> int:
    for line in head.lower().splitlines():
        if line.startswith("content-length:"):
            return int(line.partition(":")[2])
    return 0


def raw(status: int, body: str, *headers: str) -> bytes:
    """An answer as bytes, with its length."""
    lines = [f"HTTP/1.1 {status} Scripted", *headers, f"Content-Length: {len(body.encode())}", "", body]
    return "\r\n".join(lines).encode()


def answer(
    status: int, body: Any, content_type: str | None = "application/json", headers: tuple[str, ...] = ()
) -> Script:
    """Answer in full; `body` is text, or anything JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    kind = (f"Content-Type: {content_type}",) if content_type else ()
    return send(raw(status, text, *kind, *headers))


def send(data: bytes) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return script


def send_then_close(data: bytes) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        await send(data)(writer)
        writer.close()

    return script


async def hang(writer: asyncio.StreamWriter) -> None:
    """Read the request and say nothing until the client leaves."""
    await writer.wait_closed()


async def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection with RST instead of an answer."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def drip(data: bytes, every: float = 0.05) -> Script:
    """Send one byte at a time, so that no timeout per read is ever met."""

    async def script(writer: asyncio.StreamWriter) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every)

    return script
