"""Reads an answer as the official client does, and keeps what that client drops.

Three of Kite's error types have no class in the client and become `GeneralException`, a text body becomes a
"502" whatever its status, and a 500 that says "success" is returned as one. So replies are told apart by the
status and the envelope, not by the class of the exception.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from kiteconnect import exceptions

from adapters.kite.compression import unpacked
from adapters.kite.connection import LARGEST_ANSWER, Answer
from adapters.kite.refusal_texts import plain

LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """What is known of a finished call. Holds no credential but in `data`, which is not printed.

    `left`: whether any byte of the request left. `status` is None where no status line came back. `envelope`:
    the body is the broker's error envelope; `error_type` (None where it names none) and `message` are from
    it. `failure` names what kept the client from returning `data`.
    """

    left: bool
    status: int | None = None
    error_type: str | None = None
    message: str = ""
    failure: str | None = None
    data: Any = field(default=None, repr=False)
    envelope: bool = False


def reply_of(answer: Answer, picked: str | None, secrets: Sequence[str]) -> Reply:
    """Return what is known of a call that left.

    Never raises; removes `secrets` from the broker's messages.
    """
    if answer.failure is not None:
        return Reply(True, answer.status, failure=answer.failure)
    body = b""
    try:
        body = unpacked(answer.body, answer.headers.get("content-encoding", ""), LARGEST_ANSWER)
        return Reply(True, answer.status, data=_data(answer, body, picked))
    except Exception as odd:  # as in the client: an odd body raises nearly anything
        # Only the name goes on: the words of an exception may hold the body.
        failure = type(odd).__name__
    said = _envelope(body)
    if said is None:
        return Reply(True, answer.status, failure=failure)
    error_type, message = said
    return Reply(True, answer.status, error_type, _shown(message, secrets), failure, envelope=True)


def _data(answer: Answer, body: bytes, picked: str | None) -> Any:
    """Return or raise what `KiteConnect._request` would for this answer."""
    kind = answer.headers["content-type"]
    if "json" in kind:
        data = _of_envelope(_json(body), answer.status)
    elif "csv" in kind:
        data = body
    else:
        raise exceptions.DataException("unknown Content-Type")
    return data if picked is None else data[picked]


def _of_envelope(found: Any, status: int | None) -> Any:
    if found.get("status") == "error" or found.get("error_type"):
        kind = getattr(exceptions, found.get("error_type"), exceptions.GeneralException)
        raise kind(found["message"], code=status)
    return found["data"]


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        # NaN, or a broken letter in some message: the client reads it, and an order book is not lost by it.
        return json.loads(body.decode(errors="replace"))
    except ValueError:
        raise exceptions.DataException("no JSON") from None


def _envelope(body: bytes) -> tuple[str | None, str] | None:
    """Return error_type and message of Kite's error envelope, None when the body is not one.

    The type may be missing, null or unknown: HTTP 428 comes without one. A message must be there.
    """
    try:
        found = _json(body)
    except exceptions.DataException:
        return None
    if not isinstance(found, dict) or found.get("status") != "error":
        return None
    error_type, message = found.get("error_type"), found.get("message")
    kind = error_type if isinstance(error_type, str) and error_type else None
    if not isinstance(message, str) or not (kind or message.strip()):
        return None
    return kind, message


def _shown(message: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        message = message.replace(secret, "…") if secret else message
    return plain(message)[:LONGEST_MESSAGE]
