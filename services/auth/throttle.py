"""Limit tries by account and by address: guessing is slow, and strangers cannot lock a user out.

A try to log in counts three times, in this order. The first allowance that is used up answers, and who gets
in is given the first one back:
1. this account from this address, or from this device: a device that shows an earlier access token of the
   account counts apart from all others;
2. this address, whatever the account;
3. this account from all strangers together: addresses that no login of the account came from in a month.
Guesses at an account from a thousand addresses use up the strangers' allowance, and its owner still gets in
from where they were before, or by the phone they had before.

Registrations count by address, and by the networks around it (`REGISTRATIONS_AROUND`): one customer of an
IPv6 provider has 65,536 networks of the size that counts as an address.

Refresh tokens count by the token, and by address only those that no login has: an owner who shares an address
with an attacker renews their login all the same.

Every call that writes, reaches the broker or opens a long answer has a line in `CALLS`, by user and by
address. STOP, the kill switch and the end of a login have none by address: others behind the same one could
use it up.

| STOPWATCH_THROTTLE | counts |
|---|---|
| on | everything |
| off (under `up` with the paper exchange) | by user only; no login, and no call of `SWITCHED_OFF` |
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
REFUSED_RENEWALS_FROM_ADDRESS = Rule(600, 60)
REGISTRATION_FROM_ADDRESS = Rule(30, 3600)
"""It also bounds how many e-mails one may try for `email_taken`. Not counted by e-mail: tries at
another person's e-mail would keep them from registering."""
FORGOTTEN = Rule(5, 3600)
"""Of one e-mail, whether or not it has an account: the answer is the same."""
FORGOTTEN_FROM_ADDRESS = Rule(20, 3600)
LINK_FROM_ADDRESS = Rule(60, 3600)
"""Tries at mailed links. Their tokens cannot be guessed; this bounds the work."""
REGISTRATIONS_AROUND: Mapping[str, int] = {"/24": 4, "/48": 2, "/32": 20}
"""The networks around an address, by their size: how many times as many may register from all of it. IPv4's
/24 is a small provider's; of IPv6 a /48 is what a customer gets, and a /32 what a provider has."""
CALLS: Mapping[str, tuple[Rule, Rule | None]] = {
    "POST /auth/logout": (Rule(60, 300), None),
    "POST /auth/password": (Rule(10, 900), Rule(100, 900)),
    "DELETE /auth/sessions": (Rule(30, 300), None),
    "DELETE /auth/sessions/{session_id}": (Rule(120, 300), None),
    "POST /auth/totp": (Rule(20, 900), Rule(200, 900)),
    "POST /auth/totp/confirm": (Rule(20, 900), Rule(200, 900)),
    "DELETE /auth/totp": (Rule(20, 900), Rule(200, 900)),
    "POST /auth/verify/send": (Rule(5, 3600), Rule(60, 3600)),
    "DELETE /account": (Rule(10, 900), Rule(100, 900)),
    "POST /account/kill-switch": (Rule(30, 300), None),
    "PUT /account/limits": (Rule(30, 600), Rule(300, 600)),
    "GET /account/audit/export": (Rule(10, 60), Rule(60, 60)),
    "GET /account/report": (Rule(10, 60), Rule(60, 60)),
    "POST /broker/connect": (Rule(10, 60), Rule(60, 60)),
    "DELETE /broker": (Rule(10, 60), Rule(60, 60)),
    "GET /broker/callback": (Rule(10, 60), Rule(60, 60)),
    "POST /strategy/create": (Rule(120, 60), Rule(600, 60)),
    "POST /strategy/check": (Rule(60, 60), Rule(600, 60)),
    "POST /strategy/start": (Rule(120, 60), Rule(600, 60)),
    "POST /strategy/stop": (Rule(240, 60), None),
    "POST /strategy/{strategy_id}/copy": (Rule(120, 60), Rule(600, 60)),
    "POST /strategy/{strategy_id}/skip": (Rule(120, 60), Rule(600, 60)),
    "PATCH /strategy/{strategy_id}": (Rule(120, 60), Rule(600, 60)),
    "DELETE /strategy/{strategy_id}": (Rule(240, 60), Rule(1200, 60)),
    "GET /events": (Rule(240, 60), Rule(2400, 60)),
    "GET /strategy/{strategy_id}/events": (Rule(240, 60), Rule(2400, 60)),
    "POST /notices/channels": (Rule(10, 60), Rule(60, 60)),
    "PUT /notices/channels/{channel_id}": (Rule(30, 60), Rule(300, 60)),
    "DELETE /notices/channels/{channel_id}": (Rule(30, 60), Rule(300, 60)),
    "POST /notices/channels/{channel_id}/test": (Rule(10, 60), Rule(60, 60)),
}
"""By user, and by address; the names are those of the routes. `tests/attacks/test_bounds.py` fails for a
route that writes and has no line here."""
SWITCHED_OFF = frozenset(
    {
        *("POST /broker/connect", "GET /broker/callback", "POST /strategy/create", "POST /strategy/start"),
        *("POST /auth/password", "POST /auth/totp", "POST /auth/totp/confirm", "DELETE /auth/totp"),
    }
)
"""What STOPWATCH_THROTTLE=off leaves uncounted, beside register, login and refresh."""


class Counter(Protocol):
    """Counts against allowances, wherever it keeps them."""

    async def take(self, allowances: Sequence[Allowance]) -> int | None: ...

    async def give_back(self, allowance: Allowance) -> None: ...


class Throttle:
    """Every method raises `TooMany`. Without a counter nothing is limited.

    `on` is False where STOPWATCH_THROTTLE is off. `registrations` is how many may register from one address
    in an hour.
    """

    def __init__(
        self,
        counter: Counter | None,
        *,
        on: bool = True,
        registrations: int = REGISTRATION_FROM_ADDRESS.amount,
    ) -> None:
        self._counter = counter
        self._on = on
        self._registrations = registrations

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
        """Count a registration by its address and the networks around it."""
        hour = REGISTRATION_FROM_ADDRESS.seconds
        allowed = [Allowance("register-address", client.network, self._registrations, hour)]
        for network in client.around:
            times = REGISTRATIONS_AROUND[f"/{network.rpartition('/')[2]}"]
            allowed.append(Allowance("register-network", network, self._registrations * times, hour))
        await self._take(*allowed)

    async def forgot(self, email: str, client: ClientInfo) -> None:
        """Count a wish for a new password."""
        await self._take(
            _allowance("forgot", FORGOTTEN, _hidden(email)),
            _allowance("forgot-address", FORGOTTEN_FROM_ADDRESS, client.network),
        )

    async def link(self, client: ClientInfo) -> None:
        """Count a try at a mailed link."""
        await self._take(_allowance("link-address", LINK_FROM_ADDRESS, client.network))

    async def refresh(self, refresh_token: str) -> None:
        """Count a use of a refresh token."""
        await self._take(_allowance("refresh", RENEWAL, _hidden(refresh_token)))

    async def refresh_refused(self, client: ClientInfo) -> None:
        """Count a refresh token that opens nothing."""
        await self._take(_allowance("refresh-address", REFUSED_RENEWALS_FROM_ADDRESS, client.network))

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
        """Count one of the calls of `CALLS`. The refusal says how many are allowed in which time."""
        by_user, by_address = CALLS[name]
        if self._counter is None or (not self._on and name in SWITCHED_OFF):
            return
        allowances = [_allowance(name, by_user, str(user_id))]
        if by_address is not None and self._on:
            allowances.append(_allowance(f"{name} address", by_address, client.network))
        seconds = await self._counter.take(allowances)
        if seconds is not None:
            raise TooMany(seconds, bound=f"{by_user.amount} times {_within(by_user.seconds)}")

    async def _take(self, *allowances: Allowance) -> None:
        if self._counter is None or not self._on:
            return
        seconds = await self._counter.take(allowances)
        if seconds is not None:
            raise TooMany(seconds)

    async def _give_back(self, allowance: Allowance) -> None:
        if self._counter is not None and self._on:
            await self._counter.give_back(allowance)


def _login_here(email: str, client: ClientInfo, device: UUID | None) -> Allowance:
    where = str(device) if device else client.network
    return _allowance("login", LOGIN_HERE, f"{_hidden(email)}@{where}")


def _allowance(name: str, rule: Rule, key: str) -> Allowance:
    return Allowance(name, key, rule.amount, rule.seconds)


def _within(seconds: int) -> str:
    return f"in {seconds // 60} minutes" if seconds > 60 else "in a minute"


def _hidden(word: str) -> str:
    # Redis is told no address of a person, and no token.
    return sha256(word.encode()).hexdigest()[:32]
