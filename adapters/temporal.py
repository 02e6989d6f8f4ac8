"""The connection to Temporal: one converter for client, worker, listener, tests and replay alike."""

from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client, TLSConfig
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter

_CONVERTERS = tuple(PydanticPayloadConverter().converters.values())


class _SharedConverter(CompositePayloadConverter):
    """Pydantic's converter, with what it has learned of our types shared by all runs of a process.

    The SDK makes a converter for each run it loads, and each would build its schemas again: a tenth of the
    worker's time at START, and memory for each run in the cache.
    """

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)


# The default converter fails on Decimal, date and time; pydantic's round-trips our frozen dataclasses.
DATA_CONVERTER = DataConverter(payload_converter_class=_SharedConverter)


@dataclass(frozen=True, slots=True)
class TemporalAddress:
    """Where Temporal is and how to be let in. `api_key` is never printed."""

    target: str
    namespace: str = "default"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    api_key: str | None = None

    def __repr__(self) -> str:
        return f"TemporalAddress({self.target!r}, namespace={self.namespace!r})"


async def connect(address: TemporalAddress, *, lazy: bool = False) -> Client:
    """Connect to Temporal. `lazy` waits with the connection until the first call."""
    return await Client.connect(
        address.target,
        namespace=address.namespace,
        tls=_tls(address),
        api_key=address.api_key,
        data_converter=DATA_CONVERTER,
        lazy=lazy,
    )


def _tls(address: TemporalAddress) -> TLSConfig | bool:
    if address.tls_cert and address.tls_key:
        return TLSConfig(
            client_cert=address.tls_cert.read_bytes(), client_private_key=address.tls_key.read_bytes()
        )
    return address.api_key is not None
