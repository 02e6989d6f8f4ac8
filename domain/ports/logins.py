"""Renews broker logins."""

from typing import Protocol

from domain.broker_login import LoginRequest, LoginResult


class Logins(Protocol):
    """Renews the login of a stored broker account; opens secrets that the API cannot."""

    async def renew(self, request: LoginRequest) -> LoginResult:
        """Exchange or check the token, store it sealed, and return the outcome; never raises."""
        ...
