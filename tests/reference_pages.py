"""Writes the documentation pages that are made from the code: settings, codes of problems, rate limits."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from api.http.problem_codes import MEANINGS, OF_CALL, OF_STATUS
from services.auth.throttle import (
    CALLS,
    FORGOTTEN,
    FORGOTTEN_FROM_ADDRESS,
    LINK_FROM_ADDRESS,
    LOGIN_BY_STRANGERS,
    LOGIN_FROM_ADDRESS,
    LOGIN_HERE,
    REGISTRATION_FROM_ADDRESS,
    RENEWAL,
    Rule,
)
from settings import AS_FILES, PREFIX, Settings

ANYWHERE: dict[str, int] = {
    "internal": 500,
    "invalid": 422,
    "method_not_allowed": 405,
    "bad_request": 400,
    "head_too_large": 431,
    "too_many_connections": 503,
}
"""Codes of any call that no call names."""
_OF_STRANGERS: tuple[tuple[str, tuple[Rule | None, Rule | None]], ...] = (
    ("POST /auth/register", (None, REGISTRATION_FROM_ADDRESS)),
    ("POST /auth/login, an e-mail from one network", (LOGIN_HERE, LOGIN_FROM_ADDRESS)),
    ("POST /auth/login, an e-mail from networks where it was never used", (LOGIN_BY_STRANGERS, None)),
    ("POST /auth/refresh, a login", (RENEWAL, None)),
    ("POST /auth/forgot, an e-mail", (FORGOTTEN, FORGOTTEN_FROM_ADDRESS)),
    ("POST /auth/reset", (None, LINK_FROM_ADDRESS)),
    ("POST /auth/verify", (None, LINK_FROM_ADDRESS)),
)
"""Of calls without a token."""
_SETTINGS_HEAD = """# Settings

<!-- Made from the code by tests/unit/test_reference_pages.py. -->

Each is an environment variable, also read from a file `.env` where the process starts. An empty one is not
set. Those with a mark may be given as a file, whose path a setting with `_FILE` at its end names
(`STOPWATCH_JWT_SECRET_FILE`). `stopwatch doctor` checks them; what each process needs is in
[Growing](growing.md).
"""
_LIMITS_HEAD = """# Rate limits

<!-- Made from the code by tests/unit/test_reference_pages.py. -->

How often a call may be made: by a user, and by an address with all of its users (an IPv6 address counts with
its network). Beyond that the answer is 429 `too_many_attempts` with `Retry-After`. Calls that are not listed
have no limit of their own. STOP, the kill switch and the end of a login have none by address, since other
users of the address could use it up. `STOPWATCH_THROTTLE=off`, as under `stopwatch up`, counts by user only.
"""
_CODES_HEAD = """# Error codes

<!-- Made from the code by tests/unit/test_reference_pages.py. -->

Every answer that is not a success is `application/problem+json` with a `code` for programs and a `detail` for
people. How to treat each status is in [the API for a mobile app](mobile.md#errors). The codes of wrong fields
are in `errors`, each with a message; of a single wrong field its code is the problem's as well.
"""


def pages() -> dict[Path, str]:
    """Return each page and its text."""
    made = {"settings": _settings(), "error-codes": _codes(), "rate-limits": _limits()}
    return {Path(f"docs/{name}.md"): "\n".join(lines) for name, lines in made.items()}


def _settings() -> Iterator[str]:
    yield _SETTINGS_HEAD
    yield from ("| setting | default | file | what it is |", "| --- | --- | --- | --- |")
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} is not described in settings.py"
        file = "✓" if name in AS_FILES else ""
        what = f"{_one_line(field.description)}{_choices(field)}"
        yield f"| `{PREFIX}{name.upper()}` | {_default(field)} | {file} | {what} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.annotation is not None and SecretStr in (field.annotation, *get_args(field.annotation)):
        return ""
    if field.default in (None, "", Path()):
        return ""
    return f"`{int(field.default)}`" if isinstance(field.default, bool) else f"`{field.default}`"


def _choices(field: FieldInfo) -> str:
    if get_origin(field.annotation) is not Literal:
        return ""
    return " One of " + ", ".join(f"`{word}`" for word in get_args(field.annotation)) + "."


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _codes() -> Iterator[str]:
    calls: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for call, of_status in OF_CALL.items():
        for status, codes in of_status.items():
            for code in codes:
                calls[code, status].append(call)
    everywhere = {code: status for status, codes in OF_STATUS.items() for code in codes} | ANYWHERE
    yield _CODES_HEAD
    yield from ("| code | status | what it says | calls |", "| --- | --- | --- | --- |")
    for code, meaning in sorted(MEANINGS.items()):
        found = sorted({status for of, status in [*calls, *everywhere.items()] if of == code})
        assert found, f"no call answers with {code}"
        named = sorted({call for (of, _), names in calls.items() if of == code for call in names})
        where = "any" if code in everywhere else ", ".join(f"`{call}`" for call in named)
        yield f"| `{code}` | {', '.join(map(str, found))} | {meaning} | {where} |"
    yield ""


def _limits() -> Iterator[str]:
    yield _LIMITS_HEAD
    yield from ("| call | a user | an address |", "| --- | --- | --- |")
    for call, (by_user, by_address) in (*CALLS.items(), *_OF_STRANGERS):
        yield f"| {_marked(call)} | {_rate(by_user)} | {_rate(by_address)} |"
    yield ""


def _marked(call: str) -> str:
    """Return a call as code, and what is said of it behind a comma as words."""
    name, comma, words = call.partition(",")
    return f"`{name}`{comma}{words}"


def _rate(rule: Rule | None) -> str:
    span = {60: "a minute", 300: "5 minutes", 600: "10 minutes", 900: "15 minutes", 3600: "an hour"}
    return "" if rule is None else f"{rule.amount:,} in {span[rule.seconds]}"
