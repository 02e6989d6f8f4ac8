"""Starts the whole product: every process, in the order of their dependencies."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import aiohttp

from local import child, feed_account, keys, probes, processes, redis_users, temporal, valkey
from local.data_dir import DataDir
from local.endpoints import Endpoints
from local.listening import Listening
from local.ports import HeldPort
from local.postgres import EmbeddedPostgres
from local.process_settings import Options
from local.process_spec import ProcessSpec
from local.roles import role_urls
from local.start_errors import ProcessFailed
from local.supervisor import Supervisor
from local.temporal import TemporalPorts
from local.terminal import Terminal

_READY_SECONDS = 30


class Run:
    """Starts the processes and returns their addresses."""

    def __init__(self, options: Options, data: DataDir, api_port: HeldPort, terminal: Terminal) -> None:
        self._options = options
        self._given = options.given
        self._data = data
        self.listening = Listening(options.host, api_port.number)
        # Kept for as long as the run, so that a process comes back on its port.
        self._ports: list[HeldPort] = []
        self._terminal = terminal
        self._keys = keys.kept_in(data.directory("secrets"))
        self._environment = dict(options.environment)
        self._redis_urls: dict[str, str] = {}
        self.supervisor = Supervisor(terminal.alert, self._changed)
        self.endpoints: Endpoints | None = None

    async def bring_up(self) -> Endpoints:
        """Start everything; return once all of it answers and `endpoints.json` is written."""
        postgres, redis, temporal_address, kite = await _all_of(
            self._postgres(), self._redis(), self._temporal(), self._paper()
        )
        found = Endpoints(
            api=self.listening.from_here,
            postgres=postgres,
            redis=redis,
            temporal=temporal_address[0],
            temporal_ui=temporal_address[1],
            paper=kite,
            paper_ws=kite and kite.replace("http://", "ws://", 1),
            calendar=self._given.get("CALENDAR") or ("always-open" if kite else "XNSE"),
        )
        own = processes.Processes(self._data, self._environment, await self._settings(found))
        await self._migrate(own)
        await _all_of(*(self._start(spec) for spec in self._own_processes(own)))
        await _answering(f"{found.api}/health/ready", self._given.get("BUILD_ID") is not None)
        found.write(self._data.endpoints, self.supervisor.pids())
        self.endpoints = found
        return found

    def _port(self) -> HeldPort:
        port = HeldPort.free()
        self._ports.append(port)
        return port

    def _own_processes(self, own: processes.Processes) -> list[ProcessSpec]:
        options = self._options
        return [
            own.api(self.listening),
            *(own.worker(number, options.workers) for number in range(1, options.workers + 1)),
            *(own.listener(number, options.listeners) for number in range(1, options.listeners + 1)),
        ]

    async def _start(self, spec: ProcessSpec, where: str = "") -> None:
        seconds = await self.supervisor.start(spec)
        self._progress(spec.name, seconds, where)

    def _progress(self, name: str, seconds: float, where: str = "") -> None:
        self._terminal.line(f"  {name:<11} ready in {seconds:4.1f} s   {where}".rstrip())

    async def _postgres(self) -> str:
        address = self._given.get("DATABASE_URL")
        if address is not None:
            return address
        began = time.monotonic()
        password = self._keys.database_passwords["owner"]
        port = self._port()
        embedded = EmbeddedPostgres(self._data, port.number, password, self._environment)
        await self.supervisor.start(await embedded.prepared())
        self._progress("postgres", time.monotonic() - began, f"127.0.0.1:{port.number}")
        return embedded.url()

    async def _redis(self) -> str:
        address = self._given.get("REDIS_URL")
        if address is not None:
            return address
        port = self._port()
        server, passwords = f"127.0.0.1:{port.number}", self._keys.redis_passwords
        await self._start(valkey.spec(self._data, port.number, self._environment, passwords), server)
        self._redis_urls = {
            f"REDIS_URL_{user.upper()}": redis_users.address(user, passwords[user], server)
            for user in redis_users.PROCESSES
        }
        return redis_users.address("operator", passwords["operator"], server)

    async def _temporal(self) -> tuple[str, str | None]:
        address = self._given.get("TEMPORAL_ADDRESS")
        if address is not None:
            return address, None
        ports = TemporalPorts(self._port(), self._port(), self._port(), self._port(), self._port())
        namespace = self._given.get("TEMPORAL_NAMESPACE") or "default"
        await self._start(temporal.spec(self._data, ports, namespace, self._environment), ports.address)
        await self._start(temporal.ui_guard_spec(self._data, ports, self._environment))
        return ports.address, f"http://127.0.0.1:{ports.ui.number}"

    async def _paper(self) -> str | None:
        if self._given.get("KITE_ROOT") is not None:
            return None
        port = self._port()
        await self._start(
            processes.paper(self._data, port.number, self._environment), f"127.0.0.1:{port.number}"
        )
        return f"http://127.0.0.1:{port.number}"

    async def _settings(self, found: Endpoints) -> dict[str, str]:
        encryption_keys = self._given.get("ENCRYPTION_KEYS") or self._keys.encryption_keys
        push_key = self._given.get("PUSH_PRIVATE_KEY") or self._keys.push_private_key
        made = {
            "REDIS_URL": found.redis,
            **self._redis_urls,
            "TEMPORAL_ADDRESS": found.temporal,
            "JWT_SECRET": self._keys.jwt_secret,
            "ENCRYPTION_KEYS": encryption_keys,
            "SEAL_KEY": keys.seal_key(encryption_keys),
            "PUSH_PRIVATE_KEY": push_key,
            "PUSH_PUBLIC_KEY": keys.push_public_key(push_key),
            "DOCS": "1",
            "TRACEABLE": "1",
            "DISK": str(self._data.root),
            "PUBLIC_URL": self.listening.from_outside if self.listening.is_open else found.api,
            "DATABASE_URL": found.postgres,
            **role_urls(found.postgres, self._keys.database_passwords),
        }
        if found.paper is not None and found.paper_ws is not None:
            made |= {"KITE_ROOT": found.paper, "KITE_WS_ROOT": found.paper_ws}
            made |= {"CALENDAR": found.calendar, "THROTTLE": "off", "NOTICES_PRIVATE": "on"}
            if self._given.get("FEED_API_KEY") is None:
                made |= await feed_account.opened(found.paper)
        return {**made, **{name: value for name, value in self._given.settings.items() if value}}

    async def _migrate(self, own: processes.Processes) -> None:
        began = time.monotonic()
        command, environment = own.migration()
        log = self._data.log("migrate")
        # 2: the database is of a newer version, and was left as it is.
        await child.run_to_end("migrate", command, log=log, environment=environment, refuses_with=2)
        self._progress("schema", time.monotonic() - began)

    def _changed(self) -> None:
        if self.endpoints is None:
            return
        try:
            self.endpoints.write(self._data.endpoints, self.supervisor.pids())
        except OSError as error:
            # A full disk must not end the supervision; the file names a process that is gone until then.
            self._terminal.alert(f"endpoints.json could not be written ({error.strerror}).")


async def _answering(url: str, versioned: bool) -> None:
    """Wait until it is ready. Versioned workers take no run before a person makes their version current."""
    reason: Exception | None = None
    try:
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                try:
                    return await probes.http_ok(url)
                except (OSError, aiohttp.ClientError) as error:
                    reason = error
                if versioned and _lacks_a_worker_alone(str(reason)):
                    return None
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise ProcessFailed(f"The API runs but says that it is not ready: {reason}") from None


def _lacks_a_worker_alone(problem: str) -> bool:
    return problem.count('"field"') == problem.count('"no_worker"') > 0


async def _all_of(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    """Wait for all; the first failure cancels the others and is raised."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
