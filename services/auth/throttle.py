"""Limit tries by account and by address: guessing is slow, and strangers cannot lock a user out.

A try to log in counts three times, in this order. The first allowance that is used up answers, and who gets
in is given the first one back:
1. this account from this address, or from this device: a device that shows an earlier access token of the
   account counts apart from all others;
2. this address, whatever the account;
3. this account from all strangers together: addresses that no login of the account came from in a month.
Guesses at an account from a thousand addresses use up the strangers' allowance, and its owner still gets in
from where they were before, or by the phone they had before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from adapters.redis.rate_limiter import Allowance
from services.auth.client_info import ClientInfo
from services.errors import TooMany


@dataclass(frozen=True, slots=True)
class Rule:
    """So many times within so many seconds."""

    amount: int
    seconds: int


QUARTER_HOUR = 900
LOGIN_HERE = Rule(10, QUARTER_HOUR)
LOGIN_FROM_ADDRESS = Rule(200, QUARTER_HOUR)
"""Many people share one address of a mobile provider."""
LOGIN_BY_STRANGERS = Rule(30, QUARTER_HOUR)
PASSWORD = Rule(10, QUARTER_HOUR)
"""Of a user who is logged in and is asked for the password again."""
CODE = Rule(10, 3600)
"""One-time codes are short. This can be used up only with the right password."""
RENEWAL = Rule(30, 60)
RENEWAL_FROM_ADDRESS = Rule(600, 60)
REGISTRATION_FROM_ADDRESS = Rule(30, 3600)
"""It also bounds how many e-mails one may try for `email_taken`. Not counted by e-mail: tries at
another person's e-mail would keep them from registering."""
FORGOTTEN = Rule(5, 3600)
"""Of one e-mail, whether or not it has an account: the answer is the same."""
FORGOTTEN_FROM_ADDRESS = Rule(20, 3600)
LINK_FROM_ADDRESS = Rule(60, 3600)
"""Tries at mailed links. Their tokens cannot be guessed; this bounds the work."""
CALLS: Mapping[str, tuple[Rule, Rule]] = {
    "connect": (Rule(10, 60), Rule(60, 60)),
    "create": (Rule(120, 60), Rule(600, 60)),
    "start": (Rule(120, 60), Rule(600, 60)),
    "channel": (Rule(10, 60), Rule(60, 60)),
    "verify": (Rule(5, 3600), Rule(60, 3600)),
}
"""By user, and by address."""


class Counter(Protocol):
    """Counts against allowances, wherever it keeps them."""

    async def take(self, allowances: Sequence[Allowance]) -> int | None: ...

    async def give_back(self, allowance: Allowance) -> None: ...


class Throttle:
    """Every method raises `TooMany`. Without a counter (STOPWATCH_THROTTLE=off) nothing is limited."""

    def __init__(self, counter: Counter | None) -> None:
        self._counter = counter

    async def login(self, email: str, client: ClientInfo, device: UUID | None = None) -> None:
        """Count a try before its password is looked at. `device` is the login whose token the client has."""
        address = _allowance("login-address", LOGIN_FROM_ADDRESS, client.network)
        await self._take(_login_here(email, client, device), *([] if device else [address]))

    async def stranger(self, email: str) -> None:
        """Count a try from where the account was never used."""
        await self._take(_allowance("login-strangers", LOGIN_BY_STRANGERS, _hidden(email)))

    async def logged_in(self, email: str, client: ClientInfo, device: UUID | None) -> None:
        """Forget the tries of a user who has got in."""
        await self._give_back(_login_here(email, client, device))

    async def register(self, client: ClientInfo) -> None:
        await self._take(_allowance("register-address", REGISTRATION_FROM_ADDRESS, client.network))

    async def forgot(self, email: str, client: ClientInfo) -> None:
        """Count a wish for a new password."""
        await self._take(
            _allowance("forgot", FORGOTTEN, _hidden(email)),
            _allowance("forgot-address", FORGOTTEN_FROM_ADDRESS, client.network),
        )

    async def link(self, client: ClientInfo) -> None:
        """Count a try at a mailed link."""
        await self._take(_allowance("link-address", LINK_FROM_ADDRESS, client.network))

    async def refresh(self, refresh_token: str, client: ClientInfo) -> None:
        await self._take(
            _allowance("refresh", RENEWAL, _hidden(refresh_token)),
            _allowance("refresh-address", RENEWAL_FROM_ADDRESS, client.network),
        )

    async def password(self, user_id: UUID) -> None:
        """Count a try at the password by one who is logged in."""
        await self._take(_allowance("password", PASSWORD, str(user_id)))

    async def password_right(self, user_id: UUID) -> None:
        await self._give_back(_allowance("password", PASSWORD, str(user_id)))

    async def code(self, user_id: UUID) -> None:
        """Count a try at a one-time code or a recovery code."""
        await self._take(_allowance("code", CODE, str(user_id)))

    async def code_right(self, user_id: UUID) -> None:
        await self._give_back(_allowance("code", CODE, str(user_id)))

    async def call(self, name: str, user_id: UUID, client: ClientInfo) -> None:
        """Count one of the calls that cost us or the broker something."""
        by_user, by_address = CALLS[name]
        await self._take(
            _allowance(name, by_user, str(user_id)),
            _allowance(f"{name}-address", by_address, client.network),
        )

    async def _take(self, *allowances: Allowance) -> None:
        if self._counter is None:
            return
        seconds = await self._counter.take(allowances)
        if seconds is not None:
            raise TooMany(seconds)

    async def _give_back(self, allowance: Allowance) -> None:
        if self._counter is not None:
            await self._counter.give_back(allowance)


def _login_here(email: str, client: ClientInfo, device: UUID | None) -> Allowance:
    where = str(device) if device else client.network
    return _allowance("login", LOGIN_HERE, f"{_hidden(email)}@{where}")


def _allowance(name: str, rule: Rule, key: str) -> Allowance:
    return Allowance(name, key, rule.amount, rule.seconds)


def _hidden(word: str) -> str:
    # Redis is told no address of a person, and no token.
    return sha256(word.encode()).hexdigest()[:32]
