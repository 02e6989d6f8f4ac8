"""Writes the secrets of a container deployment as the files that `docker-compose.yml` mounts."""

import json
import secrets
from pathlib import Path

from local.keys import fresh
from local.redis_users import PROCESSES, WITH_PASSWORD, access_list, address

ROLES = ("api", "worker", "listener")


class AlreadyThere(Exception):
    """Secrets in use would be overwritten; the message says which."""


def write_files(directory: Path) -> list[str]:
    """Write fresh secrets, one a file; return their names. Raises `AlreadyThere` and writes none.

    Only its owner can list the directory. The files in it are readable: a container sees the one file that is
    mounted for it, as a user of its own that owns nothing here.
    """
    texts = _texts()
    there = [name for name in texts if (directory / name).exists()]
    if there:
        raise AlreadyThere(
            f"{directory} holds {', '.join(there)} already, which may be in use: name another directory."
        )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    for name, text in texts.items():
        path = directory / name
        path.write_text(text + "\n")
        path.chmod(0o444)
    return sorted(texts)


def _texts() -> dict[str, str]:
    owner = secrets.token_hex(24)
    roles = {f"database_url_{role}": _address(f"stopwatch_{role}", secrets.token_hex(24)) for role in ROLES}
    passwords = {user: secrets.token_hex(24) for user in WITH_PASSWORD}
    redis = {f"redis_url_{user}": address(user, passwords[user], "redis:6379") for user in PROCESSES}
    ours = {name.removeprefix("STOPWATCH_").lower(): text for name, text in fresh().items()}
    return {
        "postgres_password": owner,
        "database_url": _address("stopwatch", owner),
        **roles,
        "redis_users": access_list(passwords),
        **redis,
        # For an operator: `stopwatch doctor`, or valkey-cli.
        "redis_url_operator": address("operator", passwords["operator"], "redis:6379"),
        # For the exporters of deploy/production.yml: a role's password, and a user's in the exporter's form.
        "postgres_monitor_password": secrets.token_hex(24),
        "redis_monitor": json.dumps({"redis://monitor@redis:6379": passwords["monitor"]}),
        **ours,
        "egress_proxies": "{}",  # none yet: live trading needs an address per user
    }


def _address(user: str, password: str) -> str:
    return f"postgresql://{user}:{password}@postgres:5432/stopwatch"
