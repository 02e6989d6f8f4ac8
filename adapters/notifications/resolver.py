"""Resolves the names of users' servers to public addresses only."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from adapters.notifications.public_address import NotOutside, is_outside


class OutsideResolver(AbstractResolver):
    """Resolves names to public addresses only. `anywhere`: tests, and a product on one machine."""

    def __init__(self, *, anywhere: bool = False) -> None:
        self._resolver = ThreadedResolver()
        self._anywhere = anywhere

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`. Raises `NotOutside`, and `OSError` when it does not resolve."""
        found = await self._resolver.resolve(host, port, family)
        allowed = [one for one in found if self._anywhere or is_outside(one["host"])]
        if not allowed:
            raise NotOutside("the address is not public")
        return allowed

    async def close(self) -> None:
        """Do nothing: no resource is open."""
