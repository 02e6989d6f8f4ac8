"""The product under chaos: `stopwatch up`, one more worker whose every link goes through the fault proxy."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.chaos.proxy import Proxy
from tests.e2e.product import Product

# Short horizons, so that a day fits into half a minute. The plan's delays know them.
SETTINGS = {
    "STOPWATCH_ENTRY_HORIZON_SECONDS": "20",
    "STOPWATCH_EXIT_RESEND_AFTER_SECONDS": "6",
    "STOPWATCH_ENTRY_FILL_SECONDS": "3",
}
_LINKED = {
    "kite": "STOPWATCH_KITE_ROOT",
    "redis": "STOPWATCH_REDIS_URL",
    "temporal": "STOPWATCH_TEMPORAL_ADDRESS",
    "postgres": "STOPWATCH_DATABASE_URL_WORKER",
}


@dataclass
class World:
    """Everything that runs, and the hands that break it."""

    home: Path
    product: Product
    proxy: Proxy = field(default_factory=Proxy)
    _far: asyncio.subprocess.Process | None = None
    _keeper: "asyncio.Task[None] | None" = None

    @classmethod
    async def started(cls, home: Path, workers: int = 2) -> "World":
        """Start the product on `home`, and the far worker beside it."""
        failpoints = home / "failpoints"
        failpoints.mkdir(parents=True)
        product = Product.start(
            home, "--workers", str(workers), STOPWATCH_FAILPOINTS=f"dir:{failpoints}", **SETTINGS
        )
        return cls(home, await product.ready())

    async def far_worker(self) -> None:
        """Keep a worker alive that reaches everything over links that can break."""
        environment = _environment_of(self.product.endpoints["pids"]["worker"])
        for name, setting in _LINKED.items():
            environment[setting] = await self._linked(name, environment[setting])
        environment["STOPWATCH_READY_FILE"] = str(self.home / "far-worker-ready")
        self._keeper = asyncio.create_task(self._keep(environment))

    async def close(self) -> int:
        """End everything; return the exit status of `up`."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._far is not None and self._far.returncode is None:
            self._far.kill()
            await self._far.wait()
        await self.proxy.close()
        return await self.product.end()

    def pids(self, part: str) -> list[int]:
        """Return the processes of a part; none while it is being restarted."""
        with suppress(OSError, ValueError):
            found = self.product.endpoints["pids"].get(part)
            return found if isinstance(found, list) else [found] if found else []
        return []

    async def kill(self, part: str, number: int) -> int | None:
        """SIGKILL one process of a part; return its pid, None when none was there."""
        pids = self.pids(part)
        if part == "worker" and self._far is not None and self._far.returncode is None:
            pids = [*pids, self._far.pid]
        if not pids:
            return None
        pid = pids[number % len(pids)]
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return pid
        return None

    async def freeze(self, part: str, number: int, seconds: float) -> int | None:
        """SIGSTOP one process of a part for so long."""
        pids = self.pids(part)
        if not pids:
            return None
        pid = pids[number % len(pids)]
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(seconds)
            finally:
                os.kill(pid, signal.SIGCONT)
        return pid

    async def kill_at(self, step: str, within: float) -> int | None:
        """Let whoever passes a step next kill itself; return its pid, None when nobody passed in time."""
        where = self.home / "failpoints"
        aside = where / f".{step}"
        aside.write_text("kill")
        aside.rename(where / step)
        for _ in range(int(within * 20)):
            await asyncio.sleep(0.05)
            if taken := [path for path in where.glob(f"{step}.*") if not path.name.endswith(".told")]:
                pid = int(taken[0].suffix[1:])
                taken[0].rename(taken[0].with_name(f"{taken[0].name}.told"))
                return pid
        (where / step).unlink(missing_ok=True)
        return None

    async def _linked(self, name: str, address: str) -> str:
        if "://" not in address:
            host, _, port = address.rpartition(":")
            return f"127.0.0.1:{await self.proxy.link(name, host, int(port))}"
        url = urlsplit(address)
        through = await self.proxy.link(name, url.hostname or "127.0.0.1", url.port or 0)
        login, at, _ = url.netloc.rpartition("@")
        return urlunsplit(url._replace(netloc=f"{login}{at}127.0.0.1:{through}"))

    async def _keep(self, environment: dict[str, str]) -> None:
        with (self.home / "far-worker.log").open("ab") as log:
            while True:
                self._far = await asyncio.create_subprocess_exec(
                    sys.executable, "-P", "-m", "worker", env=environment, stdout=log, stderr=log
                )
                await self._far.wait()
                await asyncio.sleep(0.5)


def _environment_of(pids: list[int] | int) -> dict[str, str]:
    """Return the environment `up` gave a part."""
    pid = pids[0] if isinstance(pids, list) else pids
    raw = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(line.split("=", 1) for line in raw.split("\0") if "=" in line)
