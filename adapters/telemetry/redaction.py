"""Keeps secrets out of logs: by the name of their field, and by their form inside a text."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

STARS = "***"
_SECRET_NAME = re.compile(r"token|secret|passw|authorization|api_?key|checksum|cookie|encryption_key", re.I)
_PUBLIC_NAME = re.compile(r"instrument_tokens?$|token_(expires_at|type)$", re.I)
_NAMES = (
    r"(?:access_|refresh_|request_|public_|enc)?token|api_?key|(?:api_|client_|jwt_)?secret|password|checksum"
)
_IN_TEXT = (
    # access_token=… in a URL or a form, "access_token": "…" in JSON, access_token='…' in a repr
    (re.compile(rf"(?i)\b((?:{_NAMES})[\"']?\s*[=:]\s*[\"']?)[^\s&\"',;)}}]+"), rf"\1{STARS}"),
    (re.compile(r"(?i)\b(authorization[\"']?\s*[=:]\s*[\"']?)[^\"'\r\n,}]+"), rf"\1{STARS}"),
    (re.compile(r"(?i)\b(bearer\s+|token\s+(?=\S+:))[^\s\"',]+"), rf"\1{STARS}"),
    (re.compile(r"(://[^/\s:@]*:)[^@\s/]+@"), rf"\1{STARS}@"),  # postgresql://user:password@host
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), STARS),  # a JWT, wherever it turns up
)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace secrets in a log event. A structlog processor: it runs last before rendering."""
    for name, value in event.items():
        event[name] = _clean(name, value)
    return event


def redact_text(text: str) -> str:
    """Return `text` with everything that looks like a secret replaced."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _clean(name: str, value: object) -> object:
    if _SECRET_NAME.search(name) and not _PUBLIC_NAME.search(name):
        return STARS if value else value
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {key: _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", inner) for inner in value]
    return value if isinstance(value, bool | int | float | None) else redact_text(str(value))
