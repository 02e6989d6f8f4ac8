"""Posts to addresses that users named: to public ones only, once, without following redirects.

Webhooks and push services are called through it, so that both have the same guard, the same times and the
same reading of what an answer, or none, says about arrival.
"""

import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp

from adapters.notifications.outside_sockets import socket_to_outside
from adapters.notifications.public_address import (
    CONNECT_SECONDS,
    NotOutside,
    NoWebhook,
    PortRefused,
    called_url,
    judged_url,
)
from domain.notification import Arrival, Delivery

AGENT = "Stopwatch-Notices/1"
ANSWER_SECONDS = 5.0
_CONNECTIONS = 64
_ARRIVED, _GONE = range(200, 300), 410
_NOT_YET = frozenset({408, 409, 425, 429, 500, 503})
"""The receiver says itself that it has not taken it."""
_MAYBE = frozenset({502, 504})
"""A gateway got no answer from what is behind it, which may have taken it."""


class OutsideCalls:
    """A client for users' addresses; each call on a new connection.

    A kept connection may be closed by the server while a notification is being sent, with an unknown outcome.
    `anywhere` allows private networks and addresses without TLS: one machine, tests.
    """

    def __init__(self, *, anywhere: bool = False) -> None:
        connector = aiohttp.TCPConnector(
            # Where it is certain: whatever a name resolves to now, and a number that is not resolved at all.
            socket_factory=None if anywhere else socket_to_outside,
            limit=_CONNECTIONS,
            force_close=True,
            use_dns_cache=False,
        )
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS + CONNECT_SECONDS, sock_connect=CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False)
        self._anywhere = anywhere

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def _call(
        self, address: str, body: bytes, headers: Mapping[str, str], says: Callable[[int], Delivery]
    ) -> Delivery:
        """Send it once; `says` interprets a status. The stored address is judged again."""
        try:
            url = called_url(address) if self._anywhere else judged_url(address)
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return says(answer.status)
        except (NotOutside, NoWebhook, aiohttp.ClientError, OSError, ssl.SSLError) as error:
            return _failed(error)


def answered(status: int) -> Delivery:
    """Return the outcome for an HTTP status."""
    if status in _ARRIVED:
        return Delivery(Arrival.ARRIVED)
    if status == _GONE:
        return Delivery(Arrival.GONE, "The receiver answered 410, gone: the channel is switched off.")
    if status in _NOT_YET:
        return Delivery(Arrival.NOT_YET, f"The receiver answered {status}.")
    if status in _MAYBE:
        return Delivery(Arrival.UNKNOWN, f"A gateway answered {status}: it may or may not have arrived.")
    return Delivery(Arrival.REFUSED, f"The receiver answered {status}, which will not change.")


def _failed(error: Exception) -> Delivery:
    # aiohttp wraps what was raised at the socket.
    causes = (error, getattr(error, "os_error", None), error.__cause__)
    if any(isinstance(cause, PortRefused) for cause in causes):
        return Delivery(Arrival.REFUSED, "The address is at a port to which nothing is sent.")
    if any(isinstance(cause, NotOutside) for cause in causes):
        return Delivery(Arrival.REFUSED, "The address is in a private network: nothing is sent there.")
    if isinstance(error, aiohttp.InvalidURL | NoWebhook):
        return Delivery(Arrival.REFUSED, "The address cannot be called.")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Delivery(Arrival.NOT_YET, "The receiver could not be reached.")
    return Delivery(Arrival.UNKNOWN, "No answer came: it may or may not have arrived.")
