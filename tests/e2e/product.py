"""The whole product in a terminal of its own: `stopwatch up`, driven as a user and an operator would."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

BIN = Path(sys.executable).parent
READY_WITHIN = 60
ENDS_WITHIN = 25


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Product:
    """One `stopwatch up` on a directory of its own."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, home: Path, *arguments: str, **environment: str) -> Self:
        """Start the checkout's; `ready()` waits until everything answers."""
        return cls.start_from(BIN, home, arguments, environment)

    @classmethod
    def start_from(
        cls, bin: Path, home: Path, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> Self:
        """Start the one whose `stopwatch` command is in `bin`."""
        home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STOPWATCH_")}
        with (home / "terminal.log").open("ab") as terminal:
            process = subprocess.Popen(
                [str(bin / "stopwatch"), "up", "--port", str(port), "--data-dir", "data", *arguments],
                cwd=home,
                env={**clean, **environment},
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(home, port, process)

    @property
    def terminal(self) -> str:
        """What the person at the terminal has read so far."""
        return (self.home / "terminal.log").read_text(errors="replace")

    @property
    def endpoints(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.home / "data" / "endpoints.json").read_text())
        return loaded

    async def ready(self) -> Self:
        """Wait for endpoints.json. Fails with what the terminal says."""
        for _ in range(READY_WITHIN * 10):
            if (self.home / "data" / "endpoints.json").exists():
                return self
            assert self.process.poll() is None, f"`up` ended by itself:\n{self.terminal}"
            await asyncio.sleep(0.1)
        raise AssertionError(f"not ready in {READY_WITHIN} s:\n{self.terminal}")

    async def kill(self, part: str) -> int:
        """SIGKILL a part and wait until another process does its work; return the new pid."""
        old = self.endpoints["pids"][part]
        os.kill(old, signal.SIGKILL)
        for _ in range(300):
            await asyncio.sleep(0.1)
            new: int = self.endpoints["pids"][part]
            if new != old:
                return new
        raise AssertionError(f"{part} was not restarted:\n{self.terminal}")

    async def end(self) -> int:
        """Press Ctrl-C; return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return await asyncio.to_thread(self.process.wait, ENDS_WITHIN)

    def temporal(self, *words: str) -> str:
        """Run the operator's `temporal` command against it."""
        command = [str(BIN / "temporal"), *words, "--address", self.endpoints["temporal"]]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout

    async def paper(self, path: str, **message: object) -> Any:
        """Call the paper exchange's control."""
        async with httpx.AsyncClient(base_url=self.endpoints["paper"], timeout=10) as client:
            answer = await (client.post(path, json=message) if message else client.get(path))
            answer.raise_for_status()
            return answer.json()

    async def ledger(self, user_id: str) -> list[dict[str, Any]]:
        """Return the paper exchange's orders of one account, in arrival order."""
        orders = await self.paper("/_paper/ledger")
        return [order for order in orders if order["user_id"] == user_id]

    async def redis_keys(self, strategy_id: str) -> list[str]:
        """Return every Redis key that names the strategy, or holds it."""
        from redis.asyncio import Redis

        async with Redis.from_url(self.endpoints["redis"], decode_responses=True) as redis:
            keys = [key async for key in redis.scan_iter("*")]
            named = [key for key in keys if strategy_id in key]
            sets = [key for key in keys if key.startswith("symbol:")]
            return named + [key for key in sets if await redis.sismember(key, strategy_id)]
