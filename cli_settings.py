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


def calendar_name(data_dir: Path | None) -> str:
    """Return which calendar is traded by, from the settings or from the product that runs in a directory."""
    from local.endpoints import calendar_of

    settings = read_settings()
    given = settings.database_url or settings.database_url_worker
    if given is not None and given.get_secret_value() and data_dir is None:
        return settings.calendar
    return calendar_of(data_dir or Path(".stopwatch")) or settings.calendar


def leave(status: int) -> NoReturn:
    """End this process at once, with what it said so far."""
    # The interpreter's own end would put the default signal handlers back while it works.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
