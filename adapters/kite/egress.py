"""Assigns each user an egress path to the broker, from the operator's settings alone.

Zerodha takes orders only from an address that the account's holder has registered, and only a family may
share one (SEBI's rules for retail algorithms, 2026). So live trading needs a proxy with an address of the
user's own, or their name in the list of users who use the server's. The paper exchange needs neither.

STOPWATCH_EGRESS_PROXIES is JSON, or the path of a file that holds it:

    {"proxies": {"USER_ID": "http://login:password@10.0.0.5:3128",
                 "USER_ID": {"proxy": "http://10.0.0.6:3128", "address": "203.0.113.7"}},
     "direct": ["USER_ID"],
     "families": [["USER_ID", "USER_ID"]]}

Two proxies on one host count as one address unless `address` says otherwise.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from adapters.kite.egress_path import EgressPath, UnknownEgressPath
from domain.errors import BrokerUnavailable

SETTING = "STOPWATCH_EGRESS_PROXIES"
LIVE_DOMAINS = ("kite.trade", "zerodha.com")
_SERVER = "the server's own address"


class BadEgress(ValueError):
    """The setting is malformed; the message shows no proxy, since that holds a password."""


class NoOwnAddress(BrokerUnavailable):
    """No request may be sent to the broker for this user: it would leave from another user's address."""


class _Exit(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    proxy: SecretStr
    address: IPv4Address | IPv6Address | None = None


def _exit(value: object) -> object:
    return {"proxy": value} if isinstance(value, str) else value


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    proxies: dict[UUID, Annotated[_Exit, BeforeValidator(_exit)]] = Field(default={}, repr=False)
    direct: frozenset[UUID] = frozenset()
    families: list[frozenset[UUID]] = []


@dataclass(frozen=True, slots=True)
class Egress:
    """`proxies` by user, as `requests` takes them; `refused` says why a user may not trade live."""

    live: bool = False
    proxies: Mapping[UUID, str] = field(default_factory=dict, repr=False)
    direct: frozenset[UUID] = frozenset()
    shared: frozenset[UUID] = frozenset()

    @classmethod
    def of(cls, kite_root: str, setting: str | None) -> "Egress":
        """Read the setting. Raises `BadEgress`."""
        config = _config(setting or "{}")
        for found in config.proxies.values():
            _check(kite_root, found.proxy.get_secret_value())
        return cls(
            live=is_live(kite_root),
            proxies={user: found.proxy.get_secret_value() for user, found in config.proxies.items()},
            direct=config.direct,
            shared=_sharing(config),
        )

    def refusal(self, user_id: UUID) -> str | None:
        """Return why no request may be sent for this user, None when requests may."""
        if not self.live:
            return None
        if user_id in self.shared:
            return (
                "Live trading is off for this account: its orders would leave by an address that somebody "
                "outside the family uses, and Zerodha suspends both. The operator must give it its own in "
                f"{SETTING}."
            )
        if user_id not in self.proxies and user_id not in self.direct:
            return (
                "Live trading is off for this account: it has no registered address of its own to send "
                f"orders from. The operator must add user {user_id} to {SETTING}, with a proxy or under "
                '"direct".'
            )
        return None

    def proxies_of(self, user_id: UUID) -> Mapping[str, str] | None:
        """Return the user's proxy as `requests` takes it, None for the server's own address.

        Raises `NoOwnAddress`.
        """
        refusal = self.refusal(user_id)
        if refusal:
            raise NoOwnAddress(refusal)
        proxy = self.proxies.get(user_id)
        return {"all": proxy} if proxy else None


def is_live(kite_root: str) -> bool:
    """Tell whether orders sent to this address are real orders at Zerodha."""
    host = (urlsplit(kite_root).hostname or "").rstrip(".").lower()
    return any(host == domain or host.endswith(f".{domain}") for domain in LIVE_DOMAINS)


def _config(setting: str) -> _Config:
    text = setting if setting.lstrip().startswith("{") else _file(setting)
    try:
        return _Config.model_validate_json(text)
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BadEgress(f"{SETTING} is not right at {where}: {first['msg']}.") from None


def _file(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError, ValueError):
        raise BadEgress(f"{SETTING} is neither JSON nor the path of a file that can be read.") from None


def _check(kite_root: str, proxy: str) -> None:
    try:
        path = EgressPath.to(kite_root, {"all": proxy})
    except UnknownEgressPath as unknown:
        raise BadEgress(f"{SETTING}: {unknown}.") from None
    if path.proxy is None:
        raise BadEgress(f"{SETTING}: a proxy is empty.")


def _sharing(config: _Config) -> frozenset[UUID]:
    """Return the users who share an address without being one family."""
    users: defaultdict[str, set[UUID]] = defaultdict(
        set, {_SERVER: set(config.direct - config.proxies.keys())}
    )
    for user, found in config.proxies.items():
        users[_address(found)].add(user)
    strangers = (together for together in users.values() if not _one_family(together, config))
    return frozenset().union(*strangers)


def _one_family(users: set[UUID], config: _Config) -> bool:
    return len(users) < 2 or any(users <= family for family in config.families)


def _address(found: _Exit) -> str:
    if found.address is not None:
        return str(found.address)
    proxy = found.proxy.get_secret_value()
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname or ""
