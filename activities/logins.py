"""The worker's part of a broker login: only it can open the stored secret."""

from temporalio import activity

from domain.broker_login import LoginRequest, LoginResult
from domain.ports import Logins


class LoginActivities:
    """Exchanges or checks a token for an account whose secrets are stored sealed."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    @activity.defn
    async def log_in(self, request: LoginRequest) -> LoginResult:
        """Renew the stored account's login; every way it can fail is a result, so nothing is tried twice."""
        return await self._logins.renew(request)
