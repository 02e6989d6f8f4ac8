"""Reads what the commands need before they start anything: settings, secrets given as files, addresses.

Whatever is missing or wrong is said in a line, and ends the command.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from dotenv import dotenv_values

if TYPE_CHECKING:
    from pydantic import SecretStr

    from local.doctor import Addresses
    from settings import Settings


def read_settings() -> "Settings":
    """Return the settings; ends the command with what is wrong in them."""
    from pydantic import ValidationError

    from settings import MissingSetting, Settings

    try:
        return Settings()
    except MissingSetting as missing:
        typer.echo(str(missing), err=True)
        leave(2)
    except ValidationError as error:
        for wrong in error.errors(include_input=False):
            name = "_".join(str(part) for part in wrong["loc"]).upper()
            typer.echo(f"FAIL  STOPWATCH_{name}: {wrong['msg']}")
        leave(1)


def with_dotenv() -> dict[str, str]:
    """Return the environment completed by the settings of `.env`, as in every process."""
    of_file = {name: value for name, value in dotenv_values(".env").items() if value}
    return {**of_file, **os.environ}


def with_files(named: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the secrets given as files are read."""
    from settings import MissingSetting, with_secret_files

    try:
        return with_secret_files(named)
    except MissingSetting as missing:
        typer.echo(str(missing), err=True)
        leave(2)


def given_settings() -> dict[str, str]:
    """Return the settings that are set, by their names without the prefix."""
    prefix = "STOPWATCH_"
    named = with_files(with_dotenv())
    return {
        name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix) and value
    }


def addresses_in(settings: "Settings") -> "Addresses":
    """Return what `stopwatch doctor` tries to reach."""
    from local.doctor import Addresses

    def open_text(secret: "SecretStr | None") -> str | None:
        return secret.get_secret_value() if secret is not None else None

    certificate, key = settings.temporal_tls_cert, settings.temporal_tls_key
    return Addresses(
        databases={
            "Postgres (owner)": open_text(settings.database_url),
            "Postgres (API)": open_text(settings.database_url_api),
            "Postgres (worker)": open_text(settings.database_url_worker),
            "Postgres (listener)": open_text(settings.database_url_listener),
        },
        redis=open_text(settings.redis_url or settings.redis_url_worker),
        temporal=settings.temporal_address,
        temporal_namespace=settings.temporal_namespace,
        temporal_api_key=open_text(settings.temporal_api_key),
        temporal_tls=(certificate, key) if certificate and key else None,
        temporal_ca=settings.temporal_tls_ca,
        kite=settings.kite_root,
        calendar=(settings.calendar, settings.calendar_overrides),
        disk=settings.disk,
    )


def unset_secrets(settings: "Settings") -> list[str]:
    """Return the names of the secrets that are not set."""
    names = ("jwt_secret", "seal_key", "encryption_keys")
    return [f"STOPWATCH_{name.upper()}" for name in names if not getattr(settings, name)]


def temporal_environment(data_dir: Path | None) -> dict[str, str]:
    """Return Temporal's address, from the settings or from the product that runs in a directory."""
    from local.endpoints import temporal_of

    settings = read_settings()
    given = None if data_dir is not None else settings.temporal_address
    address = given or temporal_of(data_dir or Path(".stopwatch"))
    named = {
        "ADDRESS": address,
        "NAMESPACE": settings.temporal_namespace,
        "TLS_CERT": settings.temporal_tls_cert,
        "TLS_KEY": settings.temporal_tls_key,
        "TLS_CA": settings.temporal_tls_ca,
        "API_KEY": settings.temporal_api_key and settings.temporal_api_key.get_secret_value(),
    }
    keys_ = settings.payload_keys.get_secret_value() if settings.payload_keys else ""
    found = {f"STOPWATCH_TEMPORAL_{name}": str(value) for name, value in named.items() if value}
    return {**found, **({"STOPWATCH_PAYLOAD_KEYS": keys_} if keys_ else {})}


def database_address(data_dir: Path | None) -> str:
    """Return the address of the database, from the settings or from the product that runs in a directory."""
    from local.endpoints import postgres_of

    settings = read_settings()
    given = settings.database_url or settings.database_url_worker
    if given is not None and given.get_secret_value() and data_dir is None:
        return given.get_secret_value()
    directory = data_dir or Path(".stopwatch")
    found = postgres_of(directory)
    if found is None:
        typer.echo(
            f"No database is known: nothing runs in {directory}, so set STOPWATCH_DATABASE_URL, or name the "
            "directory of a running `stopwatch up` with --data-dir.",
            err=True,
        )
        leave(2)
    return found


def broker_environment(data_dir: Path | None) -> dict[str, str]:
    """Return the broker's address, the users' ways out to it, and the keys that open their logins.

    From the settings, or from the product that runs in a directory.
    """
    from local.endpoints import paper_of
    from local.keys import encryption_keys_of

    settings = read_settings()
    directory = data_dir or Path(".stopwatch")
    given = settings.database_url or settings.database_url_worker
    is_local = data_dir is not None or given is None or not given.get_secret_value()
    paper = paper_of(directory) if is_local else None
    keys = settings.encryption_keys.get_secret_value() if settings.encryption_keys else None
    named = {
        "STOPWATCH_KITE_ROOT": paper or settings.kite_root,
        "STOPWATCH_EGRESS_PROXIES": settings.egress,
        "STOPWATCH_ENCRYPTION_KEYS": keys or encryption_keys_of(directory),
    }
    return {name: value for name, value in named.items() if value}


def calendar_name(data_dir: Path | None) -> str:
    """Return which calendar is traded by, from the settings or from the product that runs in a directory."""
    from local.endpoints import calendar_of

    settings = read_settings()
    given = settings.database_url or settings.database_url_worker
    if given is not None and given.get_secret_value() and data_dir is None:
        return settings.calendar
    return calendar_of(data_dir or Path(".stopwatch")) or settings.calendar


def ask_store(
    words: list[str],
    data_dir: Path | None,
    module: str = "adapters.postgres.operator",
    more: Mapping[str, str] | None = None,
) -> NoReturn:
    """Become an operator's command on the database, with `more` in its environment."""
    # Through the environment, since every user of the machine sees arguments.
    environment = {
        **os.environ,
        **temporal_environment(data_dir),
        "STOPWATCH_DATABASE_URL": database_address(data_dir),
        "STOPWATCH_CALENDAR": calendar_name(data_dir),
        **(more or {}),
    }
    become(module, words, environment)


def become(module: str, arguments: list[str], environment: Mapping[str, str] = os.environ) -> NoReturn:
    """Go on as another program of the product."""
    os.execve(sys.executable, [sys.executable, "-P", "-m", module, *arguments], environment)  # noqa: S606


def leave(status: int) -> NoReturn:
    """End this process at once, with what it said so far."""
    # The interpreter's own end would put the default signal handlers back while it works.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
