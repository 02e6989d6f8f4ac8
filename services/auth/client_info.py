"""Client metadata before authentication."""

from dataclasses import dataclass, field

from adapters.postgres.logins import Device


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """`network` is what limits count by: of IPv6 the /64, which one customer of a provider has alone."""

    device: Device
    network: str
    bearer: str | None = field(repr=False)
    """The token it brought, whatever that is worth."""
    around: tuple[str, ...] = ()
    """The larger networks that it is in, with their sizes; none where the address is unknown."""
