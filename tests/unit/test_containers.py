"""The containers of a real deployment: what each of them may do, read from the files that make them."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.engine import make_url

from local.secret_files import AlreadyThere, write_files
from settings import AS_FILES

ROOT = Path(__file__).parent.parent.parent
Compose = dict[str, Any]

STORES = {"postgres", "redis", "temporal"}
WHOSE = {
    "redis_users": {"redis"},
    "redis_url_operator": {"ops"},
    "encryption_keys": {"worker", "listener", "ops"},
    "database_url": {"migrate", "ops"},
}
"""`ops` is a person's: it does nothing until somebody types a command in it."""
TEXT_SECRETS = {"STOPWATCH_FEED_API_KEY", "STOPWATCH_FEED_ACCESS_TOKEN"}
"""Optional, so no file can be promised for them; empty where there is no feed account."""


@pytest.fixture
def compose() -> Compose:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def faults(compose: Compose) -> Iterator[str]:
    """Return everything that is not as hard as it has to be, in words."""
    networks = compose.get("networks", {})
    for name, service in compose["services"].items():
        yield from (f"{name}: {fault}" for fault in _faults_of(name, service, networks))
    if not networks.get("store", {}).get("internal"):
        yield "the network of the stores reaches outside"


def _faults_of(name: str, service: Compose, networks: Compose) -> Iterator[str]:
    image = service.get("image", "")
    if not re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.]+)?", image):
        yield f"the image {image!r} is not pinned by an exact tag"
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", str(service.get("user", ""))):
        yield "it may run as root"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add") or service.get("privileged"):
        yield "it has capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "it may gain privileges"
    if any("unconfined" in option for option in service.get("security_opt", [])):
        yield "its seccomp profile is off"
    if not service.get("read_only"):
        yield "its root can be written to"
    mounts = [str(mount).split(":") for mount in service.get("tmpfs", [])]
    if not any(where == "/tmp" and "noexec" in how for where, how in mounts):  # noqa: S108
        yield "it has no /tmp of its own"
    yield from (
        f"it has no {limit}" for limit in ("pids_limit", "mem_limit", "cpus") if not service.get(limit)
    )
    if not service.get("logging", {}).get("options"):
        yield "its log has no bound"
    if service.get("ulimits", {}).get("core") != 0:
        yield "it may write core dumps, with the keys in them"
    for host in ("network_mode", "pid", "ipc", "userns_mode", "devices"):
        if service.get(host):
            yield f"it shares the host's {host}"
    if any(
        "docker.sock" in str(volume) or str(volume).startswith(("/", ".", "~"))
        for volume in service.get("volumes", [])
    ):
        yield "it sees the host's files"
    yield from _faults_of_networks(name, service, networks)
    yield from _faults_of_secrets(service)


def _faults_of_networks(name: str, service: Compose, networks: Compose) -> Iterator[str]:
    joined = set(service.get("networks", ["default"]))
    if not joined <= networks.keys():
        yield "it is in a network that is not declared"
    if name in STORES and joined != {"store"}:
        yield "a store can be reached from outside"
    if name in STORES and service.get("ports"):
        yield "a store is published"
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"port {port} is open to every machine"


def _faults_of_secrets(service: Compose) -> Iterator[str]:
    for name, value in (service.get("environment") or {}).items():
        secret = re.search(
            r"PASSWORD|SECRET|_KEYS?$|TOKEN|DATABASE_URL|REDIS_URL|EGRESS", name.removesuffix("_FILE")
        )
        if secret and value and name not in TEXT_SECRETS and not name.startswith("AWS_"):
            mounted = str(value).removeprefix("/run/secrets/")
            if not name.endswith("_FILE") or mounted not in service.get("secrets", []):
                yield f"{name} is not a file that is mounted for it"
        if "@" in str(value) and "://" in str(value):
            yield f"{name} holds a password"


MOST = "max_connections="
TEMPORAL_CONNECTIONS = 4 * 2 * 20
"""Of each service of the image, to each of its two databases."""


def test_every_container_is_hardened(compose: Compose) -> None:
    assert len(compose["services"]) >= 9
    assert list(faults(compose)) == []


def test_postgres_takes_all_connections_of_two_of_each_and_of_temporal(compose: Compose) -> None:
    [allowed] = [
        int(word.removeprefix(MOST)) for word in compose["services"]["postgres"]["command"] if MOST in word
    ]
    api, worker, listener = 21, 30, 9
    assert allowed > 2 * (api + worker + listener) + TEMPORAL_CONNECTIONS


def _set(*path: str, to: Any) -> Callable[[Compose], None]:
    def change(compose: Compose) -> None:
        at = compose
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("services", "api", "user", to="0:0"),
        _set("services", "api", "user", to=""),
        _set("services", "worker", "read_only", to=False),
        _set("services", "worker", "cap_drop", to=[]),
        _set("services", "worker", "cap_add", to=["SYS_PTRACE"]),
        _set("services", "listener", "security_opt", to=[]),
        _set("services", "listener", "pids_limit", to=None),
        _set("services", "listener", "mem_limit", to=None),
        _set("services", "listener", "cpus", to=None),
        _set("services", "api", "ulimits", to={}),
        _set("services", "api", "tmpfs", to=[]),
        _set("services", "api", "logging", to={}),
        _set("services", "api", "volumes", to=["/var/run/docker.sock:/var/run/docker.sock"]),
        _set("services", "api", "ports", to=["8000:8000"]),
        _set("services", "temporal", "ports", to=["127.0.0.1:7233:7233"]),
        _set("services", "postgres", "networks", to=["store", "public"]),
        _set("services", "redis", "image", to="valkey/valkey:latest"),
        _set("services", "redis", "image", to="valkey/valkey"),
        _set("services", "api", "environment", "STOPWATCH_JWT_SECRET", to="${STOPWATCH_JWT_SECRET}"),
        _set("services", "worker", "secrets", to=["database_url_worker"]),
        _set("networks", "store", "internal", to=False),
    ],
    ids=range(21),
)
def test_the_check_notices_what_is_taken_away(compose: Compose, change: Callable[[Compose], None]) -> None:
    weaker = copy.deepcopy(compose)
    change(weaker)
    assert list(faults(weaker))


def test_each_process_sees_the_secrets_it_needs_and_no_others(compose: Compose) -> None:
    services = compose["services"]
    trading = {"payload_keys", "egress_proxies"}
    api = {"database_url_api", "redis_url_api", "jwt_secret", "seal_key", "push_public_key"}
    assert set(services["api"]["secrets"]) == api | trading
    for name, more in (("worker", {"push_private_key"}), ("listener", set())):
        own = {f"database_url_{name}", f"redis_url_{name}", "encryption_keys"} | more
        assert set(services[name]["secrets"]) == own | trading
    for secret, whose in WHOSE.items():
        seen = {name.removesuffix("-2") for name, one in services.items() if secret in one.get("secrets", [])}
        assert seen == whose, secret


def test_the_files_that_are_mounted_are_those_the_command_makes(compose: Compose, tmp_path: Path) -> None:
    written = write_files(tmp_path / "secrets")
    assert set(written) == set(compose["secrets"])
    others = {"postgres_password", "redis_users", "redis_url_operator", "postgres_monitor_password"}
    assert set(written) - others - {"redis_monitor"} <= set(AS_FILES)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    owner = (tmp_path / "secrets" / "postgres_password").read_text().strip()
    assert owner in (tmp_path / "secrets" / "database_url").read_text()
    users = (tmp_path / "secrets" / "redis_users").read_text()
    for name in ("api", "worker", "listener", "operator"):
        url = make_url((tmp_path / "secrets" / f"redis_url_{name}").read_text().strip())
        assert url.username == name
        assert f"user {name} on #{sha256(str(url.password).encode()).hexdigest()}" in users
    ((server, password),) = json.loads((tmp_path / "secrets" / "redis_monitor").read_text()).items()
    assert server == "redis://monitor@redis:6379"
    assert f"user monitor on #{sha256(password.encode()).hexdigest()}" in users
    with pytest.raises(AlreadyThere, match="database_url"):
        write_files(tmp_path / "secrets")
    assert owner == (tmp_path / "secrets" / "postgres_password").read_text().strip()


def test_the_image_runs_as_nobody_who_owns_what_he_runs() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = [line.split() for line in lines if line.startswith("FROM")]
    named = {stage[3] for stage in stages if len(stage) == 4}
    bases = [stage[1] for stage in stages if stage[1] not in named]
    assert bases
    assert stages[-1] == ["FROM", "product"]  # what is built where no stage is named
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-[a-z]+", base) for base in bases)
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users[-1:] == ["10001:10001"]
    assert all("--chown=root:root" in line for line in lines if line.startswith("COPY --from=build"))
    assert any("--require-hashes" in line for line in lines)
    assert not [line for line in lines if line.startswith(("ADD", "ARG")) or "curl" in line or "sudo" in line]


def test_no_secret_is_copied_into_the_image() -> None:
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".env", "secrets", ".stopwatch", ".git"} <= ignored
