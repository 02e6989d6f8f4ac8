"""The limit on calls that cost something, as a route names it."""

from typing import Any

from fastapi import Depends

from api.auth.identity import CallerDep
from api.dependencies import DependenciesDep
from api.http.client_info import ClientInfoDep


def limited(name: str) -> Any:
    """Return a route's dependency that counts the call against `throttle.CALLS`. Raises `TooMany`."""

    async def count(deps: DependenciesDep, found: CallerDep, client: ClientInfoDep) -> None:
        await deps.throttle.call(name, found.user_id, client)

    return Depends(count)
