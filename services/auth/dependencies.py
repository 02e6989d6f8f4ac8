"""Dependencies of the login use cases."""

from dataclasses import dataclass

from adapters.postgres.engine import Store
from adapters.secrets.derived_keys import TotpBox
from domain.ports import Clock
from services.auth.passwords import Passwords
from services.auth.revoked_logins import RevokedLogins
from services.auth.throttle import Throttle
from services.auth.tokens import Tokens


@dataclass(frozen=True, slots=True)
class AuthDependencies:
    """Built once at the entry point, and handed to every use case of logins.

    `registration`: whether accounts can be created.
    """

    store: Store
    clock: Clock
    tokens: Tokens
    revoked_logins: RevokedLogins
    throttle: Throttle
    passwords: Passwords
    totp_secrets: TotpBox
    registration: bool = True
