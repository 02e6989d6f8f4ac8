"""Identify the caller by the bearer token."""

from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.dependencies import DependenciesDep
from services.auth.tokens import Caller
from services.errors import Unauthorized

_bearer = HTTPBearer(auto_error=False, description="The access token of /auth/login.")


async def signed_caller(
    deps: DependenciesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """Return the caller that a valid token names, also when its login has ended. Raises `Unauthorized`."""
    if credentials is None:
        raise Unauthorized
    found = deps.tokens.caller(credentials.credentials)
    structlog.contextvars.bind_contextvars(user_id=str(found.user_id))
    return found


async def caller(deps: DependenciesDep, found: Annotated[Caller, Depends(signed_caller)]) -> Caller:
    """Return the caller, whose login has not ended. Raises `Unauthorized`."""
    if await deps.revoked_logins.has(found.login_id):
        raise Unauthorized
    return found


async def user_id(found: Annotated[Caller, Depends(caller)]) -> UUID:
    return found.user_id


SignedCaller = Annotated[Caller, Depends(signed_caller)]
CallerDep = Annotated[Caller, Depends(caller)]
UserId = Annotated[UUID, Depends(user_id)]
