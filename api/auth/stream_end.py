"""Tells when an event stream has to end with its login."""

from api.dependencies import Dependencies
from domain.errors import StoreUnavailable
from services.auth.tokens import Caller


async def has_ended(deps: Dependencies, caller: Caller) -> bool:
    """Tell whether the caller's token has expired or their login has ended."""
    if deps.clock.now() >= caller.expires_at:
        return True
    try:
        return await deps.revoked_logins.has(caller.login_id)
    except StoreUnavailable:
        return False  # while Postgres is away there is nothing to read here either
