"""Settings: environment variables with the prefix STOPWATCH_, also from `.env`; read at the entry points.

A secret may be given as a file instead: STOPWATCH_JWT_SECRET_FILE=/run/secrets/jwt_secret. An environment is
visible to every child process, in container inspections and in crash reports; a file only to its readers.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "STOPWATCH_"
AS_FILES = (
    "database_url",
    "database_url_api",
    "database_url_worker",
    "database_url_listener",
    "redis_url",
    "redis_url_api",
    "redis_url_worker",
    "redis_url_listener",
    "temporal_api_key",
    "feed_api_key",
    "feed_access_token",
    "jwt_secret",
    "encryption_keys",
    "seal_key",
    "payload_keys",
    "egress_proxies",
    "mail_url",
    "push_private_key",
    "push_public_key",
)
"""What may be given as a file: everything secret, and the public keys that come with the private ones."""

ZERODHA_ROOT = "https://api.kite.trade"
ZERODHA_WS_ROOT = "wss://ws.kite.trade"


class MissingSetting(Exception):
    """A process cannot start without a setting; the message names it and says what it is."""


def what_is_wrong(refused: ValidationError) -> str:
    """Return which settings are invalid, and why; never their values."""
    return ", ".join(
        f"{PREFIX}{'_'.join(str(part) for part in wrong['loc']).upper()}: {wrong['msg']}"
        for wrong in refused.errors(include_input=False)
    )


def with_secret_files(named: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which each STOPWATCH_…_FILE is replaced by the file's content.

    Raises `MissingSetting` for a file that cannot be read or is empty, and for a secret given in both ways.
    """
    found = dict(named)
    for name in (f"{PREFIX}{secret.upper()}" for secret in AS_FILES):
        path = found.pop(f"{name}_FILE", "")
        if not path:
            continue
        if found.get(name):
            raise MissingSetting(f"{name} and {name}_FILE are both set: which of them holds? Take one away.")
        found[name] = _read_secret(f"{name}_FILE", Path(path))
    return found


def _read_secret(name: str, path: Path) -> str:
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise MissingSetting(f"{name} names {path}, which cannot be read: {reason}.") from None
    if not text:
        raise MissingSetting(f"{name} names {path}, which is empty.")
    return text


class _SecretFiles(PydanticBaseSettingsSource):
    """The secrets that are given as files, by the environment or by `.env`."""

    def __init__(self, settings_cls: type[BaseSettings], env_file: Any) -> None:
        super().__init__(settings_cls)
        self._env_file = env_file

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False  # they come all at once, below

    def __call__(self) -> dict[str, Any]:
        of_file = dotenv_values(self._env_file) if self._env_file else {}
        named = {name: value for name, value in {**of_file, **os.environ}.items() if value}
        given = [name for name in AS_FILES if f"{PREFIX}{name.upper()}_FILE" in named]
        read = with_secret_files(named) if given else {}
        return {name: read[f"{PREFIX}{name.upper()}"] for name in given}


class Settings(BaseSettings):
    """Every setting; what is said of each is on the page docs/settings.md and in the error that misses it.

    Secrets have no default and print as stars.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    database_url: SecretStr | None = None
    """The Postgres address of the schema's owner, for migrations: postgresql://user:password@host:port/name"""
    database_url_api: SecretStr | None = None
    """The Postgres address of the API's role; `stopwatch migrate` makes the role."""
    database_url_worker: SecretStr | None = None
    """The Postgres address of the worker's role; `stopwatch migrate` makes the role."""
    database_url_listener: SecretStr | None = None
    """The Postgres address of the listener's role; `stopwatch migrate` makes the role."""
    redis_url: SecretStr | None = None
    """The address of Redis or Valkey, redis://host:port/0, of each process that has none of its own."""
    redis_url_api: SecretStr | None = None
    """The address of Redis with the API's own user."""
    redis_url_worker: SecretStr | None = None
    """The address of Redis with the worker's own user."""
    redis_url_listener: SecretStr | None = None
    """The address of Redis with the listener's own user."""
    temporal_address: str | None = None
    """The address of the Temporal server, host:port."""
    temporal_namespace: str = "default"
    """The namespace at Temporal in which the runs are."""
    temporal_task_queue: str = "stopwatch"
    """The task queue that the workers serve."""
    temporal_tls_cert: Path | None = None
    """The client's certificate for Temporal, a PEM file; together with its key."""
    temporal_tls_key: Path | None = None
    """The key of that certificate, a PEM file."""
    temporal_tls_ca: Path | None = None
    """Whom the server's certificate must come from; without it, an authority that the system trusts."""
    temporal_api_key: SecretStr | None = None
    """The API key of a managed Temporal."""
    build_id: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    """The version this worker is of, to Temporal: a day stays with the one that began it. Empty: with any."""
    payload_keys: SecretStr | None = None
    """Encrypt what Temporal stores, the first is current; without it the Web UI shows payloads in clear."""
    payload_plain: Literal["refused", "taken"] = "refused"
    """With payload keys, what comes in clear; taken only while days run that began before there were keys."""
    kite_root: str = ZERODHA_ROOT
    """Where orders go: Zerodha, or a paper exchange."""
    kite_ws_root: str = ZERODHA_WS_ROOT
    """Where prices come from, by WebSocket."""
    egress_proxies: SecretStr | None = None
    """Each user's own way out to the broker: JSON, or the path of a file (`adapters/kite/egress.py`)."""

    @property
    def paper_login_page(self) -> str | None:
        """Return the paper exchange's login page; None at Zerodha, which has its own host for it."""
        root = self.kite_root.rstrip("/")
        return None if root == ZERODHA_ROOT else f"{root}/connect/login"

    @property
    def egress(self) -> str | None:
        """Return the egress setting as it is written, None where there is none."""
        return self.egress_proxies.get_secret_value() if self.egress_proxies else None

    feed_api_key: SecretStr | None = None
    """The API key of an account whose prices the listeners read for all users."""
    feed_access_token: SecretStr | None = None
    """That account's access token of the day."""
    jwt_secret: SecretStr | None = None
    """The secrets that sign access tokens, at least 32 random bytes each, by commas; the first is current."""
    encryption_keys: SecretStr | None = None
    """The private keys that open broker secrets, by commas; the first is current."""
    seal_key: str | None = None
    """The public half of the first encryption key; broker secrets are sealed to it."""
    calendar: Literal["XNSE", "always-open"] = "XNSE"
    """The trading days: those of the exchange, or every day at all hours, for paper."""
    calendar_overrides: Path | None = None
    """A file of trading days of an older version: `stopwatch migrate` moves it into the database, once."""
    missed_after_seconds: float = Field(default=5, gt=0)
    """An entry that is later than this is not sent any more."""
    entry_fill_seconds: float = Field(default=10, gt=0)
    """How long a purchase at the market may take to be filled; what is not filled then is cancelled."""
    entry_horizon_seconds: float = Field(default=120, gt=0)
    """How long a purchase that was sent and never answered is looked for in the order book."""
    exit_resend_after_seconds: float = Field(default=20, gt=0)
    """How long a sale that was sent and never answered is looked for before it may be sent again."""
    fast_path: Literal["on", "off"] = "on"
    """Off: stops go by their signals alone; for comparison, the orders are the same."""
    throttle: Literal["on", "off"] = "on"
    """Bounds on how often a user and an address may call; off under `up`, where all callers are one."""
    max_streams: int = Field(default=20, ge=1)
    """Open event streams of one user, in each API process."""
    max_strategies: int = Field(default=2_000, ge=1)
    """Strategies of one user, stopped ones included."""
    max_running: int = Field(default=1_000, ge=1)
    """Running strategies of one user."""
    max_channels: int = Field(default=5, ge=1)
    """Notification channels of one user."""
    registration: Literal["open", "closed"] = "open"
    """Closed: no new account can be created. Existing users log in as before."""
    registrations_an_hour: int = Field(default=30, ge=1)
    """From one address; networks around it may have a multiple (`services/auth/throttle.py`)."""
    trusted_proxies: str = ""
    """Addresses and networks, by commas, whose X-Forwarded-For is believed; others' is not."""
    docs: bool = False
    """Serve /docs, the API's page to read and try."""
    cloudwatch_namespace: str = Field(default="", max_length=255, pattern=r"^[A-Za-z0-9_.\-/#:]*$")
    """Where the worker puts its numbers at Amazon CloudWatch; empty: nowhere."""
    cors_origins: str = ""
    """Other origins whose pages may call the API, by commas."""
    traceable: bool = False
    """A debugger of the same user may look into the process; on under `up`, where one user owns all."""
    disk: Path = Path()
    """A directory on the disk that the parts write to: an alarm comes before it is full."""
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Where worker and listener serve /metrics and /health, as the API does on its own; None: nowhere."""
    metrics_host: str = "127.0.0.1"
    """The address at which they are served."""
    temporal_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """Where Temporal's SDK serves its own numbers, on the same host; None: nowhere."""
    otlp_endpoint: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """The collector of traces (http://host:4318); empty: there are none."""
    mail_url: SecretStr | None = None
    """The mail server for notifications, as Apprise writes it: mailtos://user:password@host?from=…"""
    public_url: str = Field(default="", pattern=r"^(https?://[^\s#?]+)?$")
    """Where users reach the app (https://trade.example.com): links in mails lead there; empty: none."""
    push_private_key: SecretStr | None = None
    """The worker's: signs notifications to browsers (VAPID); without it browsers are sent nothing."""
    push_public_key: str | None = None
    """The API's: its public half, by which browsers subscribe."""
    push_contact: str = Field(default="", pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://[^\s/]+)?$")
    """Whom a push service may write to about this server; empty: the address users reach the app at."""
    notices_private: Literal["on", "off"] = "off"
    """On: webhooks may lead into private networks and need no TLS; for a product on one machine."""

    @property
    def mail(self) -> str | None:
        """Return the mail server's address, None where there is none."""
        return self.mail_url.get_secret_value() if self.mail_url else None

    @property
    def push_sender(self) -> str:
        """Return the contact that push services are shown; empty where there is none."""
        public = self.public_url.rstrip("/") if self.public_url.startswith("https://") else ""
        return self.push_contact or public

    log_level: str = "INFO"
    """What is logged: DEBUG, INFO, WARNING or ERROR, and what is graver."""
    log_format: Literal["console", "json"] = "console"
    """Lines for people, or for a collector."""
    ready_file: Path | None = None
    """A file that worker and listener write once they are ready."""
    failpoints: str = ""
    """For tests: where a process is to die or to stall."""
    failpoints_log: Path | None = None
    """For tests: where it writes that it was there."""

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for word in _words(value):
            try:
                ip_network(word)
            except ValueError:
                raise ValueError(
                    f"{word!r} is no address and no network: write 10.0.0.7 or 10.0.0.0/24, by commas"
                ) from None
        return value

    @property
    def proxies(self) -> tuple[str, ...]:
        """Return the trusted proxies one by one."""
        return _words(self.trusted_proxies)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the files that hold secrets after the settings given as text."""
        files = _SecretFiles(settings_cls, getattr(dotenv_settings, "env_file", None))
        return init_settings, env_settings, dotenv_settings, files

    def need(self, name: str) -> str:
        """Return a setting that has no default. Raises `MissingSetting` naming it."""
        value = getattr(self, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")
        if not text:
            purpose = type(self).model_fields[name].description
            raise MissingSetting(f"STOPWATCH_{name.upper()} is not set. {purpose}")
        return text

    def need_redis(self, process: str) -> str:
        """Return the address of Redis for the API, the worker or the listener: its own, or the one for all.

        Raises `MissingSetting`.
        """
        own: SecretStr | None = getattr(self, f"redis_url_{process}")
        return own.get_secret_value() if own is not None else self.need("redis_url")


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())
