"""The wire under the Kite client: knows whether a request has left, and can still hold it back.

`requests` tells of a failure, not of when it happened: a TLS error may come from the handshake (the broker
never heard of the order) or from the answer (it may be filled). So the connection itself notes the moment
at which the first byte of a request goes out.
"""

import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection


def trusted_roots() -> ssl.SSLContext:
    """Return one TLS context to share: reading the root certificates anew costs 15 ms a connection."""
    return ssl.create_default_context(cafile=certifi.where())


class HeldBack(Exception):
    """The request was too late to leave, or nobody waits for it any more. Not one byte of it went out."""


class Call:
    """One request: whether it has left, and whether it still may. Used by two threads."""

    def __init__(self, leave_by: float) -> None:
        """`leave_by` is an instant of `time.monotonic`."""
        self._leave_by = leave_by
        self._lock = threading.Lock()
        self._given_up = False
        self._left = False
        self._connection: HTTPConnection | None = None

    @property
    def left(self) -> bool:
        return self._left

    def may_still_leave(self) -> bool:
        return not self._given_up and time.monotonic() <= self._leave_by

    def connecting(self, connection: HTTPConnection) -> None:
        """Note whose socket is to be cut when the call is given up."""
        with self._lock:
            self._connection = connection

    def leave(self, connection: HTTPConnection) -> None:
        """Note that bytes go out now. Raises `HeldBack` when they must not."""
        with self._lock:
            if self._given_up or not (self._left or self.may_still_leave()):
                raise HeldBack
            self._left = True
            self._connection = connection

    def finish(self) -> bool:
        """Let go of the connection, which may serve another call next; tell whether anybody still waits."""
        with self._lock:
            self._connection = None
            return not self._given_up

    def give_up(self) -> bool:
        """Let nothing leave from now on and wake the thread that waits; tell whether the request had left."""
        with self._lock:
            self._given_up = True
            sock = getattr(self._connection, "sock", None)
            if isinstance(sock, socket.socket):
                with suppress(OSError):
                    # The plain socket's own: an SSLSocket's shutdown pulls its state from under the reader.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
            return self._left


class _Line(HTTPConnection):
    """A connection that asks the call under way before it sends."""

    def __init__(self, *args: Any, wire: "Wire", **options: Any) -> None:
        super().__init__(*args, **options)
        self._wire = wire
        self._opening = False

    def connect(self) -> None:
        self._wire.call.connecting(self)
        self._opening = True  # what a proxy is asked to open a tunnel is not the request
        try:
            super().connect()
        finally:
            self._opening = False

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        if not self._opening:
            self._wire.call.leave(self)
        super().send(data)


class _SecureLine(_Line, HTTPSConnection):
    """The same over TLS; its handshake is part of `connect`."""


class Wire(HTTPAdapter):
    """The transport of one client: one warm connection, no retries, one call at a time."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.call = Call(0)
        self._tls = tls
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=self._tls)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, ssl_context=self._tls)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the shared context as it is: it verifies, always."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        pool.conn_kw["wire"] = self
        pool.ConnectionCls = _SecureLine if pool.scheme == "https" else _Line
        return pool


class WireSession(requests.Session):
    """A session that follows no redirect, keeps the HTTP status and reads no proxy or netrc of the host."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__()
        # The way out is ours to choose (orders are accepted from registered addresses only), and a .netrc
        # entry for the broker's host would replace the Authorization header.
        self.trust_env = False
        self.answer: requests.Response | None = None
        self._wire = Wire(tls)
        self.mount("https://", self._wire)
        self.mount("http://", self._wire)
        # The hook runs before the body is read: the status is known even when the body is cut off.
        self.hooks["response"].append(self._keep)

    def begin(self, call: Call) -> None:
        """Forget the last answer; what is sent from now on is `call`."""
        self.answer = None
        self._wire.call = call

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        # A followed 302 asks for something else than was asked; a followed 307 sends an order twice.
        options["allow_redirects"] = False
        return super().send(request, **options)

    def _keep(self, response: requests.Response, *_args: Any, **_options: Any) -> requests.Response:
        self.answer = response
        return response
