"""Settings: environment variables with the prefix STOPWATCH_, also from `.env`; read at the entry points."""

from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ZERODHA_ROOT = "https://api.kite.trade"
ZERODHA_WS_ROOT = "wss://ws.kite.trade"


class MissingSetting(Exception):
    """A process cannot start without a setting; the message names it and says what it is."""


class Settings(BaseSettings):
    """Every setting of contract section 2. Secrets have no default and print as stars."""

    model_config = SettingsConfigDict(
        env_prefix="STOPWATCH_", env_file=".env", extra="ignore", hide_input_in_errors=True
    )

    database_url: SecretStr | None = None
    database_url_api: SecretStr | None = None
    database_url_worker: SecretStr | None = None
    database_url_listener: SecretStr | None = None
    redis_url: SecretStr | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    temporal_task_queue: str = "stopwatch"
    temporal_tls_cert: Path | None = None
    temporal_tls_key: Path | None = None
    temporal_tls_ca: Path | None = None
    """Whom the server's certificate must come from; without it, an authority that the system trusts."""
    temporal_api_key: SecretStr | None = None
    payload_keys: SecretStr | None = None
    """Encrypt what Temporal stores, the first is current; without it the Web UI shows payloads in clear."""
    kite_root: str = ZERODHA_ROOT
    kite_ws_root: str = ZERODHA_WS_ROOT
    egress_proxies: SecretStr | None = None
    """Each user's own way out to the broker: JSON, or the path of a file (`adapters/egress.py`)."""

    @property
    def egress(self) -> str | None:
        """Return the ways out as they are written, None where none are given."""
        return self.egress_proxies.get_secret_value() if self.egress_proxies else None

    feed_api_key: SecretStr | None = None
    feed_access_token: SecretStr | None = None
    jwt_secret: SecretStr | None = None
    encryption_keys: SecretStr | None = None
    seal_key: str | None = None
    calendar: Literal["XNSE", "always-open"] = "XNSE"
    calendar_overrides: Path | None = None
    missed_after_seconds: float = Field(default=5, gt=0)
    entry_fill_seconds: float = Field(default=10, gt=0)
    entry_horizon_seconds: float = Field(default=120, gt=0)
    exit_resend_after_seconds: float = Field(default=20, gt=0)
    fast_path: Literal["on", "off"] = "on"
    """Off: stops go by their signals alone; for comparison, the orders are the same."""
    throttle: Literal["on", "off"] = "on"
    trusted_proxies: str = ""
    """Addresses and networks, by commas, whose X-Forwarded-For is believed; of anybody else it is not."""
    docs: bool = False
    cloudwatch_namespace: str = Field(default="", max_length=255, pattern=r"^[A-Za-z0-9_.\-/#:]*$")
    cors_origins: str = ""
    traceable: bool = False
    """A debugger of the same user may look into the process; on under `up`, where one user owns all."""
    log_level: str = "INFO"
    log_format: Literal["console", "json"] = "console"
    ready_file: Path | None = None
    failpoints: str = ""
    failpoints_log: Path | None = None

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

    def need(self, name: str) -> str:
        """Return a setting that has no default. Raises `MissingSetting` naming it."""
        value = getattr(self, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")
        if not text:
            raise MissingSetting(f"STOPWATCH_{name.upper()} is not set: {_PURPOSES[name]}")
        return text


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


_PURPOSES = {
    "database_url": "the Postgres address of the schema's owner (postgresql://user:password@host:port/name).",
    "database_url_api": "the Postgres address of the API's role; `stopwatch migrate` makes it.",
    "database_url_worker": "the Postgres address of the worker's role; `stopwatch migrate` makes it.",
    "database_url_listener": "the Postgres address of the listener's role; `stopwatch migrate` makes it.",
    "redis_url": "the address of Redis or Valkey (redis://host:port/0).",
    "temporal_address": "the address of the Temporal server (host:port).",
    "jwt_secret": "the secret that signs access tokens, at least 32 random bytes; the first is current.",
    "encryption_keys": "the private keys that open broker secrets; the first is current.",
    "seal_key": "the public half of the first encryption key; broker secrets are sealed to it.",
}
