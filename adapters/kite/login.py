"""Handles Kite logins: the login page, the exchange of its token, and the owner of a token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from adapters.kite import outcomes, routes
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.refusal_texts import plain
from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.session import EXCHANGE_ZONE

ZERODHA_LOGIN = "https://kite.zerodha.com/connect/login"
CALL_SECONDS = 7.0
PROBE_SECONDS = 2.0
"""A login does not wait longer for what is only a warning."""
PROBED = "NSE:INFY"
Proxies = Mapping[str, str] | None
TOKENS_DIE_AT = time(6)
"""Exchange time; by regulation, every day (Kite Connect documentation)."""


@dataclass(frozen=True, slots=True)
class KiteProfile:
    """The account that a token opens."""

    broker_user_id: str
    user_name: str


@dataclass(frozen=True, slots=True)
class KiteSession:
    """A login: its token and its account."""

    access_token: str = field(repr=False)
    broker_user_id: str
    user_name: str


class KiteLogin:
    """Makes the login calls. Its methods raise `BrokerUnavailable` when Kite does not answer.

    `proxies` is the account's own egress path, as `requests` takes it.
    """

    def __init__(
        self,
        root: str,
        pool: ConnectionPool,
        login_page: str = ZERODHA_LOGIN,
        seconds: float = CALL_SECONDS,
    ) -> None:
        self._root = root
        self._pool = pool
        self._login_page = login_page
        self._seconds = seconds

    async def profile(self, api_key: str, access_token: str, proxies: Proxies = None) -> KiteProfile:
        """Return the account of this token. Raises `LoginNeeded` for a dead or wrong one, `BrokerRefused`."""
        data = await self._ask(api_key, access_token, routes.PROFILE, proxies)
        user_id = _text(data, "user_id")
        return KiteProfile(user_id, _name(data, user_id))

    async def exchange(
        self, api_key: str, api_secret: str, request_token: str, proxies: Proxies = None
    ) -> KiteSession:
        """Turn the login page's one-time token into a session.

        Raises `BrokerRefused` with the broker's words: a used or expired request token is not a login that
        died. After `BrokerUnavailable` the token may be used up: log in again.
        """
        try:
            data = await self._ask(
                api_key,
                None,
                routes.session(api_key, api_secret, request_token),
                proxies,
                secrets=(request_token, api_secret),
            )
        except LoginNeeded as refusal:
            raise BrokerRefused(str(refusal), 403) from None
        user_id = _text(data, "user_id")
        return KiteSession(_text(data, "access_token"), user_id, _name(data, user_id))

    async def has_quotes(self, api_key: str, access_token: str, proxies: Proxies = None) -> bool | None:
        """Ask for one price: whether the user's app may; None where that is not known.

        Kite's plan without data answers 403, with a token that is good for orders.
        """
        client = KiteClient(api_key, access_token, self._root, self._pool, proxies)
        try:
            reply = await client.call(routes.quotes([PROBED]), min(PROBE_SECONDS, self._seconds))
        finally:
            client.close()
        if outcomes.row_of(reply).read is None:
            return True
        return False if outcomes.lacks_permission(reply) else None

    def login_url(self, api_key: str, state: str) -> str:
        """Return the login page's address; Kite passes `state` back to our callback."""
        params = {"v": "3", "api_key": api_key, "redirect_params": urlencode({"state": state})}
        return f"{self._login_page}?{urlencode(params)}"

    async def _ask(
        self,
        api_key: str,
        access_token: str | None,
        request: routes.KiteRequest,
        proxies: Proxies,
        secrets: tuple[str, ...] = (),
    ) -> Any:
        client = KiteClient(api_key, access_token, self._root, self._pool, proxies, secrets)
        try:
            return outcomes.read(await client.call(request, self._seconds))
        finally:
            client.close()


def token_expiry(now: datetime) -> datetime:
    """Return when a token made at `now` expires: the next 06:00, exchange time."""
    here = now.astimezone(EXCHANGE_ZONE)
    today = datetime.combine(here.date(), TOKENS_DIE_AT, tzinfo=EXCHANGE_ZONE)
    return today if here < today else today + timedelta(days=1)


def _name(data: Any, user_id: str) -> str:
    """Return the account holder's name; it only stands in answers, so the id does where it cannot be read."""
    name = data.get("user_name")
    return plain(name) if isinstance(name, str) and plain(name) else user_id


def _text(data: Any, name: str) -> str:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, str) or not value:
        raise BrokerUnavailable(f"the broker's answer could not be understood: it has no {name}")
    return value
