"""The way to the broker: straight, or through the account's own proxy."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

PORTS = {"http": 80, "https": 443}


class UnknownEgressPath(ValueError):
    """An address that is no http or https address. Says nothing of it: a proxy's holds a password."""


@dataclass(frozen=True, slots=True)
class Place:
    """A host to connect to; `secure` is TLS."""

    scheme: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def netloc(self) -> str:
        """As the Host header names it: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        """As CONNECT names it: with the port, always."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class EgressPath:
    """Where requests go, and through what. `login` is the proxy's Proxy-Authorization."""

    broker: Place
    proxy: Place | None = None
    login: str | None = field(default=None, repr=False)

    @classmethod
    def to(cls, root: str, proxies: Mapping[str, str] | None = None) -> "EgressPath":
        """Read addresses. `proxies` is by scheme, or scheme and host, as `requests` takes it.

        Nothing of the host counts: no environment, no netrc. A path in `root` is dropped, as the official
        client does. Raises `UnknownEgressPath`.
        """
        parts = _split(root)
        broker = _place(parts)
        found = _proxy_of(broker, proxies or {})
        if not found:
            return cls(broker)
        proxy = _split(found if "://" in found else f"http://{found}")
        return cls(broker, _place(proxy), _login(proxy))

    @property
    def tunnelled(self) -> bool:
        """Whether the proxy only passes bytes: it must not see what is said to the broker."""
        return self.proxy is not None and self.broker.secure

    @property
    def prefix(self) -> str:
        """What stands before the path in a request's first line."""
        return f"http://{self.broker.netloc}" if self.proxy is not None and not self.broker.secure else ""

    @property
    def proxy_headers(self) -> str:
        return f"Proxy-Authorization: {self.login}\r\n" if self.login else ""


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise UnknownEgressPath("an address could not be read") from None


def _place(parts: SplitResult) -> Place:
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme not in PORTS or not host or not host.isascii() or any(map(str.isspace, host)):
        raise UnknownEgressPath("an address is not http:// or https:// with a host")
    return Place(parts.scheme, host, port or PORTS[parts.scheme])


def _proxy_of(broker: Place, proxies: Mapping[str, str]) -> str | None:
    keys = (f"{broker.scheme}://{broker.host}", broker.scheme, f"all://{broker.host}", "all")
    return next((proxies[key] for key in keys if key in proxies), None)


def _login(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(words.encode()).decode()}"
