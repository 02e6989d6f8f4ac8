"""A deployment of hand-started processes: two of each kind, on the servers of a `stopwatch up`.

The worker and the listener of `up` are frozen: their supervisor would start them again, with the old version.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.product import BIN, Product, free_port
from tests.e2e.test_versions import make_current
from tests.e2e.trader import Trader
from tests.operations.hands import Hands

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = ("worker", "listener", "api")
NUMBERS = ("1", "2")
OF_UP = "of-up"
"""The version of the frozen worker: it is never current."""
FREED_AFTER = 12.0
"""Seconds until a worker or a listener that shows no sign of life is not counted on any more."""


class Balanced(httpx.AsyncBaseTransport):
    """What a balancer does: each request goes to the next API that listens."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._ports = ports
        self._turn = 0
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to the first API that takes the connection. Raises what the last one did."""
        self._turn += 1
        ports = list(self._ports.values())
        refused: httpx.ConnectError | None = None
        for number in range(len(ports)):
            port = ports[(self._turn + number) % len(ports)]
            request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=port)
            try:
                return await self._inner.handle_async_request(request)
            except httpx.ConnectError as none_there:
                refused = none_there
        assert refused is not None
        raise refused

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass
class Site:
    """The processes of one deployment."""

    home: Path
    product: Product
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def hands(self) -> Hands:
        return Hands(self.home)

    async def trader(self) -> Trader:
        """Sign a user up whose phone reaches the API by a balancer."""
        trader = await Trader.signed_up(self.product)
        auth, base = trader.http.auth, str(trader.http.base_url)
        await trader.http.aclose()
        trader.http = httpx.AsyncClient(transport=Balanced(self.ports), base_url=base, auth=auth, timeout=30)
        return trader

    async def begin(self, version: str, code: Path = ROOT) -> None:
        """Start two of each kind, and make their version the current one."""
        self.describe(code, [version])
        for kind in KINDS:
            for number in NUMBERS:
                await asyncio.to_thread(self.hands.start, kind, version, number)
        await make_current(self.product, version)

    def describe(self, code: Path, versions: Sequence[str]) -> None:
        """Write down how a process of each kind is started, from the code of that directory."""
        for version in versions:
            self.ports |= {
                f"{version}-{number}": free_port()
                for number in NUMBERS
                if f"{version}-{number}" not in self.ports
            }
        parts = {kind: self._part(kind, code) for kind in KINDS}
        parts["api"]["ports"] = self.ports
        (self.home / "parts.json").write_text(json.dumps(parts))

    def _part(self, kind: str, code: Path) -> dict[str, Any]:
        pid = self.product.endpoints["pids"][kind]
        words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        environment = dict(word.split("=", 1) for word in words if "=" in word)
        # A directory of older code comes before the one that is installed here.
        environment["PYTHONPATH"] = str(code)
        return {"command": [sys.executable, "-m", kind], "environment": environment}

    async def roll(self, old: str, new: str, log: Path, **settings: str) -> int:
        """Type deploy/noon.sh; return its status."""
        hands = f"{sys.executable} -m tests.operations.hands"
        environment = os.environ | {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "SITE": str(self.home),
            "START": f"{hands} start",
            "STOP": f"{hands} stop",
            "TEMPORAL_ADDRESS": self.product.endpoints["temporal"],
            "STOPWATCH_DATABASE_URL": self.product.endpoints["postgres"],
            "PAUSE": "5",
            **settings,
        }
        with log.open("ab") as said:
            process = await asyncio.create_subprocess_exec(
                str(ROOT / "deploy" / "noon.sh"), old, new, env=environment, stdout=said, stderr=said
            )
            return await process.wait()


@asynccontextmanager
async def a_site(home: Path) -> AsyncIterator[Site]:
    """Give servers without a process of ours, but for an API by which users sign up."""
    product = Product.start(home, STOPWATCH_BUILD_ID=OF_UP)
    site = Site(home, product)
    frozen: list[int] = []
    try:
        await product.ready()
        frozen = [product.endpoints["pids"][kind] for kind in ("worker", "listener")]
        site.describe(ROOT, [])
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(FREED_AFTER)
        yield site
    finally:
        site.hands.kill_all()
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        await product.end()
