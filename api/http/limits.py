"""The limit on calls that cost something, as a route names it."""

from typing import Any

from fastapi import Depends

from api.auth.identity import CallerDep, SignedCaller
from api.dependencies import DependenciesDep
from api.http.client_info import ClientInfoDep


def limited(name: str) -> Any:
    """Return a route's dependency that counts the call against `throttle.CALLS`. Raises `TooMany`."""

    async def count(deps: DependenciesDep, found: CallerDep, client: ClientInfoDep) -> None:
        await deps.throttle.call(name, found.user_id, client)

    return Depends(count)


def limited_when_signed(name: str) -> Any:
    """Return the same for a route that a login may call that has ended."""

    async def count(deps: DependenciesDep, found: SignedCaller, client: ClientInfoDep) -> None:
        await deps.throttle.call(name, found.user_id, client)

    return Depends(count)
