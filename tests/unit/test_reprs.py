"""Nothing that holds a secret shows it: a repr ends up in tracebacks, logs and bug reports."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from pydantic import BaseModel, SecretStr, ValidationError
from yarl import URL

from adapters.kite.feed_socket import FeedLogin, FeedSocket, FeedTimes
from adapters.process.clock import SystemClock
from adapters.telemetry.redaction import redact_text
from settings import Settings

ROOMS = (
    "domain",
    "activities",
    "execution",
    "services",
    "workflows",
    "adapters",
    "api",
    "listener",
    "local",
    "migrations",
)
SECRET = "s3cr3tValue9"
NAMED_LIKE_ONE = re.compile(
    r"token|secret|passw|api_?key|checksum|encryption_keys|payload_keys|login_key|proxies|authorization", re.I
)
NO_SECRET = re.compile(r"instrument|token_(type|expires_at)|tokens$|secrets$|trusted_proxies", re.I)
OTHER_TYPES = ("int", "bool", "datetime", "float", "Passwords", "Tokens", "LoginKeyBox")


def modules() -> Iterator[Any]:
    for room in ROOMS:
        package = importlib.import_module(room)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            # The schema's versions run inside alembic only, and an entry point is not to be started.
            if not re.search(r"__main__|migrations\.(env|versions)", found.name):
                yield importlib.import_module(found.name)


def holders() -> list[type]:
    """Return every dataclass and model of ours with a field that is named like a secret."""
    classes = {
        value
        for module in modules()
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__.split(".")[0] in ROOMS and secret_fields(value)
    }
    return sorted(classes, key=lambda found: (found.__module__, found.__qualname__))


def fields_of(found: type) -> dict[str, str]:
    """Return the names of a class's fields and what they are of."""
    if dataclasses.is_dataclass(found):
        return {field.name: str(field.type) for field in dataclasses.fields(found)}
    if issubclass(found, BaseModel):
        return {name: str(field.annotation) for name, field in found.model_fields.items()}
    return {}


def secret_fields(found: type) -> set[str]:
    return {
        name
        for name, kind in fields_of(found).items()
        if NAMED_LIKE_ONE.search(name)
        and not NO_SECRET.search(name)
        and not any(re.search(rf"\b{other}\b", kind) for other in OTHER_TYPES)
    }


def filled(found: type, secret: set[str]) -> object:
    """Return an instance whose secret fields hold `SECRET`, made without asking the class."""
    annotations = fields_of(found)
    values: dict[str, Any] = dict.fromkeys(annotations, "harmless")
    for name in secret:
        values[name] = SecretStr(SECRET) if "SecretStr" in annotations[name] else SECRET
    if issubclass(found, BaseModel):
        return found.model_construct(**values)
    made = object.__new__(found)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


HOLDERS = holders()


def test_holders_of_secrets_are_found() -> None:
    names = {found.__name__ for found in HOLDERS}
    assert {"KiteCredentials", "FeedLogin", "SealedKeys", "TokenPair", "ConnectIn", "LocalKeys"} <= names


@pytest.mark.parametrize("found", HOLDERS, ids=lambda found: f"{found.__module__}.{found.__name__}")
def test_repr_shows_no_secret(found: type) -> None:
    made = filled(found, secret_fields(found))
    assert SECRET not in repr(made)
    assert SECRET not in str(made)


def test_settings_show_no_secret_however_they_are_written() -> None:
    plain = {name for name, kind in fields_of(Settings).items() if kind == str(str)} | {"log_format"}
    named: dict[str, Any] = {
        name: SECRET for name, kind in fields_of(Settings).items() if "SecretStr" in kind
    }
    assert {"jwt_secret", "encryption_keys", "payload_keys", "database_url", "egress_proxies"} <= set(named)
    odd = {name for name in plain if NAMED_LIKE_ONE.search(name) and not NO_SECRET.search(name)}
    assert not odd
    settings = Settings(_env_file=None, **named)
    for shown in (repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in shown


def test_setting_that_is_not_right_is_not_quoted() -> None:
    with pytest.raises(ValidationError) as wrong:
        Settings(_env_file=None, calendar=SECRET, missed_after_seconds=SECRET)
    assert SECRET not in str(wrong.value)


FEED = URL("wss://ws.kite.trade").with_query(api_key=SECRET, access_token=SECRET)


def request_info() -> aiohttp.RequestInfo:
    return aiohttp.RequestInfo(FEED, "GET", headers={}, real_url=FEED)  # type: ignore[arg-type]


FAILURES = [
    aiohttp.WSServerHandshakeError(request_info(), (), status=403, message=f"no {FEED}"),
    aiohttp.WSServerHandshakeError(request_info(), (), status=502, message=f"no {FEED}"),
    aiohttp.ClientResponseError(request_info(), (), status=500, message=str(FEED)),
    aiohttp.InvalidURL(str(FEED)),
    aiohttp.ClientConnectionError(str(FEED)),
    aiohttp.ServerDisconnectedError(str(FEED)),
    OSError(111, f"refused {FEED}"),
    TimeoutError(str(FEED)),
    ValueError(str(FEED)),
    RuntimeError(str(FEED)),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_feed_that_cannot_be_opened_says_nothing_of_its_address(
    failure: Exception, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Client:
        async def ws_connect(self, *_: object, **__: object) -> None:
            raise failure

    async def login() -> FeedLogin:
        return FeedLogin(SECRET, SECRET)

    class Enough(BaseException):
        """Ends the feed, which nothing else does."""

    class Once(SystemClock):
        async def sleep(self, seconds: float) -> None:
            raise Enough

    socket = FeedSocket("wss://ws.kite.trade", login, None, Once(), FeedTimes())  # type: ignore[arg-type]
    socket.watch([1])
    with pytest.raises(Enough):
        await socket.run(Client())  # type: ignore[arg-type]
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err + caplog.text
    assert type(failure).__name__ in printed.out + printed.err + caplog.text or isinstance(
        failure, aiohttp.WSServerHandshakeError
    )


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_failure_that_names_the_feeds_address_is_scrubbed_wherever_it_is_logged(failure: Exception) -> None:
    assert SECRET not in redact_text(f"{failure!r} {failure}")
