"""The login a user offers: for a new account, or for the connected one again."""

from dataclasses import dataclass, field

from domain.broker_login import LoginKind
from services.errors import FieldError, Invalid


@dataclass(frozen=True, slots=True)
class OfferedLogin:
    """Key, secret and one token; or, once connected, one token alone."""

    api_key: str | None = field(default=None, repr=False)
    api_secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    request_token: str | None = field(default=None, repr=False)

    def token(self) -> tuple[LoginKind, str]:
        """Return the one token. Raises `Invalid` for a combination that is not one of the two."""
        errors = [*self._wrong_tokens(), *self._wrong_keys()]
        if errors:
            raise Invalid(errors)
        if self.request_token is not None:
            return LoginKind.REQUEST_TOKEN, self.request_token
        return LoginKind.ACCESS_TOKEN, self.access_token or ""

    def _wrong_tokens(self) -> list[FieldError]:
        if self.access_token is not None and self.request_token is not None:
            words = "give access_token or request_token, not both"
            return [FieldError("request_token", "one_token", words)]
        if self.access_token is None and self.request_token is None:
            return [FieldError("access_token", "missing", "is required, or request_token instead of it")]
        return []

    def _wrong_keys(self) -> list[FieldError]:
        if (self.api_key is None) == (self.api_secret is None):
            return []
        name, other = ("api_key", "api_secret") if self.api_key is None else ("api_secret", "api_key")
        return [FieldError(name, "missing", f"is required together with {other}")]
