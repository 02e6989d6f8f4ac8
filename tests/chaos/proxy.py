"""A TCP fault proxy: links between two processes that can be slow, silent, cut, or not there."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

CHUNK = 65536


class Trouble(StrEnum):
    """What a link can suffer from."""

    LATENCY = "latency"  # every chunk waits
    BLACK_HOLE = "black_hole"  # accepts, and forwards nothing until it heals
    DROP_ANSWER = "drop_answer"  # so many bytes of the answers pass, the rest is lost with the connection
    RESET = "reset"  # every connection ends with a RST
    REFUSE = "refuse"  # nobody listens


@dataclass
class Link:
    """One listening port in front of one upstream address. `port` is known once it is open."""

    name: str
    upstream: tuple[str, int]
    port: int = 0
    _trouble: Trouble | None = None
    _amount: float = 0
    _server: asyncio.Server | None = None
    _healed: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def open(self) -> None:
        """Listen, on the port it had if it had one."""
        self._healed.set()
        await self._listen()

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        await self._deaf()
        self._cut()

    async def suffer(self, trouble: Trouble, seconds: float, amount: float = 0) -> None:
        """Be in trouble for so long. `amount`: seconds of latency, or bytes of an answer that still pass."""
        self._trouble, self._amount = trouble, amount
        self._healed.clear()
        if trouble is Trouble.REFUSE:
            await self._deaf()
        if trouble in (Trouble.RESET, Trouble.REFUSE):
            self._cut()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._trouble = None
            self._healed.set()
            if trouble is Trouble.REFUSE:
                await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _deaf(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _cut(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._trouble is Trouble.RESET:
            return _reset(writer)
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.upstream)
        except OSError:
            return _reset(writer)
        pair = {writer, up_writer}
        self._writers |= pair
        try:
            await asyncio.gather(
                self._pump(reader, up_writer, answers=False), self._pump(up_reader, writer, answers=True)
            )
        except OSError:
            pass
        finally:
            self._writers -= pair
            for one in pair:
                one.close()
        return None

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        passed = 0
        while chunk := await reader.read(CHUNK):
            if self._trouble is Trouble.LATENCY:
                await asyncio.sleep(self._amount)
            elif self._trouble is Trouble.BLACK_HOLE:
                await self._healed.wait()
            elif self._trouble is Trouble.DROP_ANSWER and answers:
                chunk = chunk[: max(0, int(self._amount) - passed)]
                passed += len(chunk)
                if passed >= self._amount:
                    writer.write(chunk)
                    raise ConnectionResetError
            writer.write(chunk)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


@dataclass
class Proxy:
    """Many links, controlled by whoever made them."""

    links: dict[str, Link] = field(default_factory=dict)

    async def link(self, name: str, host: str, port: int) -> int:
        """Open a link to an address; return the port to use instead."""
        made = self.links[name] = Link(name, (host, port))
        await made.open()
        return made.port

    async def close(self) -> None:
        for link in self.links.values():
            await link.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a RST instead of a FIN."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
