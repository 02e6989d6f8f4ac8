"""The egress path to the broker: direct, or through the account's own proxy."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

PORTS = {"http": 80, "https": 443}


class UnknownEgressPath(ValueError):
    """An address is not http or https. The message omits it: a proxy's holds a password."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host to connect to; `secure` is TLS."""

    scheme: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def netloc(self) -> str:
        """The value of the Host header: without the scheme's default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def authority(self) -> str:
        """The target of CONNECT: always with the port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class EgressPath:
    """The broker's endpoint and the proxy in front of it. `login` is the Proxy-Authorization."""

    broker: Endpoint
    proxy: Endpoint | None = None
    login: str | None = field(default=None, repr=False)

    @classmethod
    def to(cls, root: str, proxies: Mapping[str, str] | None = None) -> "EgressPath":
        """Read addresses. `proxies` is by scheme, or scheme and host, as `requests` takes it.

        The host's environment and netrc are ignored. A path in `root` is dropped, as the official client
        does. Raises `UnknownEgressPath`.
        """
        address = _split(root)
        broker = _endpoint(address)
        found = _proxy_of(broker, proxies or {})
        if not found:
            return cls(broker)
        proxy = _split(found if "://" in found else f"http://{found}")
        return cls(broker, _endpoint(proxy), _login(proxy))

    @property
    def tunnelled(self) -> bool:
        """Whether the proxy only relays bytes and must not see the requests."""
        return self.proxy is not None and self.broker.secure

    @property
    def prefix(self) -> str:
        """The absolute-form prefix of the path in a request's first line."""
        return f"http://{self.broker.netloc}" if self.proxy is not None and not self.broker.secure else ""

    @property
    def proxy_headers(self) -> str:
        return f"Proxy-Authorization: {self.login}\r\n" if self.login else ""


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise UnknownEgressPath("an address could not be read") from None


def _endpoint(address: SplitResult) -> Endpoint:
    try:
        host, port = address.hostname, address.port
    except ValueError:
        host, port = None, None
    if address.scheme not in PORTS or not host or not host.isascii() or any(map(str.isspace, host)):
        raise UnknownEgressPath("an address is not http:// or https:// with a host")
    return Endpoint(address.scheme, host, port or PORTS[address.scheme])


def _proxy_of(broker: Endpoint, proxies: Mapping[str, str]) -> str | None:
    keys = (f"{broker.scheme}://{broker.host}", broker.scheme, f"all://{broker.host}", "all")
    return next((proxies[key] for key in keys if key in proxies), None)


def _login(address: SplitResult) -> str | None:
    if address.username is None:
        return None
    words = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return f"Basic {base64.b64encode(words.encode()).decode()}"
