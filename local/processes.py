"""Describes the product's own processes, each configured by its environment alone.

Each gets what it needs and no more: the API cannot open a broker secret, the listener reads only running
strategies, and only `migrate` gets the schema owner's address.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local import probes
from local.data_dir import DataDir
from local.listening import Listening
from local.process_spec import ProcessSpec

_OWN = ("DATABASE_URL", "DATABASE_URL_API", "DATABASE_URL_WORKER", "DATABASE_URL_LISTENER")
_REDIS = ("REDIS_URL", "REDIS_URL_API", "REDIS_URL_WORKER", "REDIS_URL_LISTENER")
_TRADING = ("PAYLOAD_KEYS", "EGRESS_PROXIES")
"""For processes that use Temporal and the broker."""
_SECRET = (
    *_OWN,
    *_REDIS,
    *_TRADING,
    *("JWT_SECRET", "ENCRYPTION_KEYS", "SEAL_KEY", "FEED_API_KEY", "FEED_ACCESS_TOKEN"),
    *("PUSH_PRIVATE_KEY", "PUSH_PUBLIC_KEY"),
)


_OF_ONE_PROCESS = ("METRICS_PORT", "TEMPORAL_METRICS_PORT")
"""Ports that only one process of a machine can have: under `up` several run side by side."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Makes the specs of the processes that run our code, from one set of settings."""

    data: DataDir
    environment: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, str] = field(repr=False)

    def api(self, listening: Listening) -> ProcessSpec:
        needs = ("DATABASE_URL_API", "JWT_SECRET", "SEAL_KEY", "PUSH_PUBLIC_KEY", *_TRADING)
        return ProcessSpec(
            name="api",
            command=python("api", "--host", listening.host, "--port", str(listening.port)),
            log=self.data.log("api"),
            # Whether its dependencies answer is asked once, by `up`; started again while one of them is down,
            # the API is up all the same.
            ready=lambda: probes.http_ok(f"{listening.from_here}/health/live"),
            environment=self._for(*needs, kind="api"),
        )

    def worker(self, number: int, of: int) -> ProcessSpec:
        needs = ("DATABASE_URL_WORKER", "ENCRYPTION_KEYS", "SEAL_KEY", "PUSH_PRIVATE_KEY", *_TRADING)
        # It finishes what it is sending, for which it gives itself 8 s.
        return self._without_port("worker", number, of, needs, grace_seconds=9.0)

    def listener(self, number: int, of: int) -> ProcessSpec:
        needs = ("DATABASE_URL_LISTENER", "ENCRYPTION_KEYS", "FEED_API_KEY", "FEED_ACCESS_TOKEN", *_TRADING)
        # It waits until the others have taken over what it watches, for which it gives itself 5 s.
        return self._without_port("listener", number, of, needs, grace_seconds=6.0)

    def migration(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """Return the command and environment that update schema, roles and search attributes."""
        return python("migrations"), self._for(*_OWN)

    def _without_port(
        self, kind: str, number: int, of: int, needs: tuple[str, ...], grace_seconds: float
    ) -> ProcessSpec:
        name = kind if of == 1 else f"{kind}-{number}"
        mark = self.data.directory("ready") / name
        return ProcessSpec(
            name=name,
            command=python(kind),
            log=self.data.log(name),
            ready=lambda: probes.file_says_ready(mark),
            environment={**self._for(*needs, kind=kind), "STOPWATCH_READY_FILE": str(mark)},
            ready_file=mark,
            grace_seconds=grace_seconds,
        )

    def _for(self, *secrets: str, kind: str | None = None) -> dict[str, str]:
        shown = {
            name: value
            for name, value in self.settings.items()
            if (name not in _SECRET or name in secrets) and name not in _OF_ONE_PROCESS
        }
        named = {f"STOPWATCH_{name}": value for name, value in shown.items()}
        return {**self.environment, **named, **self._redis_of(kind)}

    def _redis_of(self, kind: str | None) -> dict[str, str]:
        """Return the address of Redis by which a kind of process has its own rights; none for the others."""
        if kind is None:
            return {}
        address = self.settings.get(f"REDIS_URL_{kind.upper()}") or self.settings.get("REDIS_URL")
        return {"STOPWATCH_REDIS_URL": address} if address else {}


def paper(data: DataDir, port: int, environment: Mapping[str, str]) -> ProcessSpec:
    """Describe the paper exchange, which needs no setting."""
    directory: Path = data.directory("paper")
    return ProcessSpec(
        name="paper",
        command=python("paper", "--port", str(port), "--data-dir", str(directory)),
        log=data.log("paper"),
        ready=lambda: probes.http_ok(f"http://127.0.0.1:{port}/_paper/health"),
        environment=environment,
    )


def python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: a directory called `api` where the person happens to stand is not ours.
    return (sys.executable, "-P", "-m", module, *arguments)
