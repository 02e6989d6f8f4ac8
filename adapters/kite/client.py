"""The official client, with what it drops on the way kept: the HTTP status and the wire's error_type."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from kiteconnect import KiteConnect

from adapters.kite.wire import Call, WireSession

LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """What is known of one call when it is over. Holds no credential but in `data`, which is not printed.

    `left`: whether any byte of the request went out. `status` is None where no status line came back.
    `error_type` and `message` are the broker's own, from its error envelope. `failure` names what kept the
    client from returning `data`.
    """

    left: bool
    status: int | None = None
    error_type: str | None = None
    message: str = ""
    failure: str | None = None
    data: Any = field(default=None, repr=False)


class Kite(KiteConnect):  # type: ignore[misc]
    """`KiteConnect` for one thread at a time, whose every call ends in a `Reply`.

    Three of the wire's error types have no class in the client and become `GeneralException`, a text body
    becomes a "502" whatever its status, and a 500 that says "success" is returned as one. So replies are
    told by the status and the envelope, not by the class of the exception.
    """

    def __init__(
        self,
        api_key: str,
        access_token: str | None,
        root: str,
        tls: ssl.SSLContext,
        proxies: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        """`secrets`, like the access token, are cut out of what the broker says."""
        # debug=True would log the Authorization header.
        super().__init__(api_key, access_token, root=root, debug=False, proxies=dict(proxies or {}))
        self._secrets = (*secrets, access_token)
        self._session = WireSession(tls)
        self.reqsession: requests.Session = self._session

    def __repr__(self) -> str:
        return "Kite(…)"

    def perform(self, call: Call, timeout: float, work: Callable[["Kite"], Any]) -> Reply:
        """Do `work` as `call`; `timeout` is per read, seconds. Never raises."""
        self._session.begin(call)
        self.timeout = timeout
        data: Any = None
        failure: str | None = None
        try:
            data = work(self)
        except Exception as odd:  # the client's parsing raises nearly anything on an odd body
            failure = _reason(odd)
        # Only what is plain text goes on: the exception carries the request, and so the access token.
        answer = self._session.answer
        status = answer.status_code if answer is not None else None
        error_type, message = _envelope(answer) if failure else (None, "")
        return Reply(call.left, status, error_type, self._without_secrets(message), failure, data)

    def close(self) -> None:
        self._session.close()

    def _format_response(self, data: Any) -> Any:
        # Parsing the times of an order book costs 0.1 ms each, fails on odd ones, and nobody reads them.
        return data

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "…") if secret else text
        return text


def _reason(odd: Exception) -> str:
    """Name the innermost reason: `requests` wraps a refused connection three times."""
    inner = odd.args[0] if isinstance(odd, requests.RequestException) and odd.args else odd
    inner = getattr(inner, "reason", inner)
    return type(inner if isinstance(inner, Exception) else odd).__name__


def _envelope(answer: requests.Response | None) -> tuple[str | None, str]:
    """Return error_type and message of Kite's error envelope, (None, "") when the body is no such thing."""
    try:
        body = answer.json() if answer is not None else None
    except (ValueError, RuntimeError, requests.RequestException):  # not JSON, or cut off
        return None, ""
    if not isinstance(body, dict) or body.get("status") != "error":
        return None, ""
    error_type, message = body.get("error_type"), body.get("message")
    if not (isinstance(error_type, str) and error_type and isinstance(message, str)):
        return None, ""
    return error_type, message[:LONGEST_MESSAGE]
