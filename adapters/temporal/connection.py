"""Connects to Temporal, with one data converter for client, worker, listener, tests and replay."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from pydantic import SecretStr
from temporalio.client import Client, Interceptor, TLSConfig
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
)
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from adapters.telemetry.metrics_server import MetricsPortTaken
from adapters.temporal.payload_codec import EncryptingCodec, RefusedPayloads

_CONVERTERS = (*PydanticPayloadConverter().converters.values(), RefusedPayloads())


class _SharedConverter(CompositePayloadConverter):
    """Pydantic's converter with its schemas of our types, shared by all runs of a process.

    The SDK makes a converter for each run it loads, and each would build its schemas again: a tenth of the
    worker's time at START, and memory for each run in the cache.
    """

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)


# The default converter fails on Decimal, date and time; pydantic's round-trips our frozen dataclasses.
DATA_CONVERTER = DataConverter(payload_converter_class=_SharedConverter)


class TemporalSettings(Protocol):
    """The settings that concern Temporal, as the entry points have them."""

    temporal_namespace: str
    temporal_tls_cert: Path | None
    temporal_tls_key: Path | None
    temporal_tls_ca: Path | None
    temporal_api_key: SecretStr | None
    payload_keys: SecretStr | None
    payload_plain: Literal["refused", "taken"]

    def need(self, name: str) -> str: ...


@dataclass(frozen=True, slots=True)
class TemporalAddress:
    """Temporal's address, credentials, and payload keys (None: no encryption).

    `take_plain`: with keys, accept payloads that are not encrypted as well. `tls_ca` is the authority of the
    server's certificate, None: the system's.
    """

    target: str
    namespace: str = "default"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    api_key: str | None = field(default=None, repr=False)
    tls_ca: Path | None = None
    payload_keys: str | None = field(default=None, repr=False)
    take_plain: bool = False

    @classmethod
    def of(cls, settings: TemporalSettings) -> "TemporalAddress":
        """Read the settings. Raises `MissingSetting` without an address."""
        return cls(
            settings.need("temporal_address"),
            settings.temporal_namespace,
            settings.temporal_tls_cert,
            settings.temporal_tls_key,
            _open_text(settings.temporal_api_key),
            settings.temporal_tls_ca,
            _open_text(settings.payload_keys),
            settings.payload_plain == "taken",
        )


def address_in(environment: Mapping[str, str]) -> TemporalAddress | None:
    """Read the address from an environment, as commands have it; None where none is given."""
    target = environment.get("STOPWATCH_TEMPORAL_ADDRESS")
    if not target:
        return None
    files = (environment.get(f"STOPWATCH_TEMPORAL_TLS_{name}") for name in ("CERT", "KEY", "CA"))
    cert, key, authority = (Path(file) if file else None for file in files)
    return TemporalAddress(
        target,
        environment.get("STOPWATCH_TEMPORAL_NAMESPACE") or "default",
        cert,
        key,
        environment.get("STOPWATCH_TEMPORAL_API_KEY") or None,
        authority,
        environment.get("STOPWATCH_PAYLOAD_KEYS") or None,
    )


def data_converter(payload_keys: str | None, *, take_plain: bool = False) -> DataConverter:
    """Return the converter; with keys, payloads and failures are encrypted. Raises `BadKey`.

    Unencrypted payloads are then refused, unless `take_plain`.
    """
    if not payload_keys:
        return DATA_CONVERTER
    return dataclasses.replace(
        DATA_CONVERTER,
        payload_codec=EncryptingCodec(payload_keys, take_plain=take_plain),
        # Messages and stack traces of failures are plain text otherwise.
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def at_port(host: str, port: int | None) -> str | None:
    """Return the address at which the SDK's metrics are served; None without a port."""
    return f"{host}:{port}" if port is not None else None


async def connect(
    address: TemporalAddress,
    *,
    lazy: bool = False,
    metrics: str | None = None,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """Connect to Temporal. `lazy` delays the connection until the first call.

    `metrics` is the address (host:port) at which the SDK serves its metrics to Prometheus. Raises
    `MetricsPortTaken` where nothing can listen there, `BadKey` for malformed payload keys, `BadCertificate`
    for files that cannot be read.
    """
    return await Client.connect(
        address.target,
        namespace=address.namespace,
        tls=_tls(address),
        api_key=address.api_key,
        data_converter=data_converter(address.payload_keys, take_plain=address.take_plain),
        lazy=lazy,
        interceptors=interceptors,
        runtime=_runtime(metrics) if metrics else None,
    )


def _runtime(metrics: str) -> Runtime:
    served = PrometheusConfig(bind_address=metrics, durations_as_seconds=True, unit_suffix=True)
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=served))
    except ValueError as error:
        raise MetricsPortTaken(
            f"STOPWATCH_TEMPORAL_METRICS_PORT: nothing can listen on {metrics} ({error}). "
            "STOPWATCH_METRICS_HOST is an address, and each process of a machine needs a port of its own."
        ) from None


class BadCertificate(Exception):
    """A certificate or key of the settings cannot be read; the message names the setting."""


def _tls(address: TemporalAddress) -> TLSConfig | bool:
    if bool(address.tls_cert) != bool(address.tls_key):
        raise BadCertificate(
            "STOPWATCH_TEMPORAL_TLS_CERT and STOPWATCH_TEMPORAL_TLS_KEY go together: set both, or neither."
        )
    if not (address.tls_cert or address.tls_ca):
        return address.api_key is not None
    return TLSConfig(
        server_root_ca_cert=_read("CA", address.tls_ca),
        client_cert=_read("CERT", address.tls_cert),
        client_private_key=_read("KEY", address.tls_key),
    )


def _read(name: str, path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path else None
    except OSError as error:
        raise BadCertificate(
            f"STOPWATCH_TEMPORAL_TLS_{name} cannot be read ({error.strerror}): {path}."
        ) from None


def _open_text(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None and secret.get_secret_value() else None
