"""Sends notifications by services such as Telegram, through Apprise.

Apprise knows over a hundred services, many of which call whatever host the address names, or read what a
parameter of the address points to. Accepted are those with a host of their own, one receiver, no parameters.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from adapters.notifications.outside_sockets import outside_only
from adapters.notifications.public_address import HTTPS_PORT, answers
from domain.notification import Arrival, Delivery, Notification, body_of, title_of

SECONDS = 12.0
_STATUS = re.compile(r"error[=:\s]+(\d{3})\b")
_TOO_MANY = 429
_SERVERS_FAULT = 500


@dataclass(frozen=True, slots=True)
class Service:
    """An accepted service: its name, the form of its address, and the host that is called."""

    name: str
    form: str
    host: str
    port: int = HTTPS_PORT
    mode: str | None = None
    """Apprise's name of the mode that calls this host, where it has several."""


SERVICES: Mapping[str, Service] = {
    "tgram": Service("Telegram", "tgram://BOT_TOKEN/CHAT_ID", "api.telegram.org"),
    "discord": Service("Discord", "discord://WEBHOOK_ID/WEBHOOK_TOKEN", "discord.com"),
    "slack": Service("Slack", "slack://TOKEN_A/TOKEN_B/TOKEN_C/#channel", "hooks.slack.com", mode="hook"),
    "pover": Service("Pushover", "pover://USER_KEY@TOKEN", "api.pushover.net"),
    "pbul": Service("Pushbullet", "pbul://ACCESS_TOKEN", "api.pushbullet.com"),
    "ntfy": Service("ntfy", "ntfy://TOPIC", "ntfy.sh", mode="cloud"),
}


class BadAddress(ValueError):
    """A service's address is malformed; the message shows the right form and repeats none of the address."""


def service_of(address: str, services: Mapping[str, Service] = SERVICES) -> Service:
    """Return the service of an address. Raises `BadAddress`. Loads Apprise: call it in a thread.

    It is asked when the address is set up and again whenever it is used: a stored one is not believed.
    """
    scheme, _, rest = address.partition("://")
    service = services.get(scheme.lower())
    if service is None or not rest:
        forms = ", ".join(one.form for one in services.values())
        raise BadAddress(f"must be one of {forms}")
    plugin = None if "?" in address or not address.isprintable() else instantiated(address)
    if plugin is None or len(plugin) != 1 or getattr(plugin, "mode", None) != service.mode:
        raise BadAddress(f"is not complete: {service.name} needs {service.form}, one receiver and no more")
    return service


class Services:
    """Sends through Apprise, in its own threads, to public addresses only; `anywhere`: tests, one machine."""

    def __init__(self, services: Mapping[str, Service] = SERVICES, *, anywhere: bool = False) -> None:
        self._services = services
        self._anywhere = anywhere
        self._threads = ThreadPoolExecutor(4, "notices")

    def close(self) -> None:
        """Send nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, notification: Notification, address: str) -> Delivery:
        """Send it once and return what is known of it. The stored address is judged again."""
        try:
            service = await asyncio.to_thread(service_of, address, self._services)
        except BadAddress:
            return Delivery(
                Arrival.REFUSED, "The channel's address is not one that is called: set it up again."
            )
        if not await answers(service.host, service.port):
            return Delivery(Arrival.NOT_YET, f"{service.name} could not be reached.")
        return await self._sent(notification, address, service.name)

    async def _sent(self, notification: Notification, address: str, name: str) -> Delivery:
        loop = asyncio.get_running_loop()
        notify = _notify if self._anywhere else _notify_outside
        try:
            async with asyncio.timeout(SECONDS):
                arrived, said = await loop.run_in_executor(self._threads, notify, address, notification)
        except TimeoutError:
            arrived, said = False, ""
        return Delivery(Arrival.ARRIVED) if arrived else refusal(name, said)


def refusal(name: str, said: str) -> Delivery:
    """Interpret Apprise's log lines of a failed try; without a status, the outcome is unknown."""
    found = _STATUS.findall(said)
    if not found:
        return Delivery(Arrival.UNKNOWN, f"{name} gave no clear answer: it may or may not have arrived.")
    status = int(found[-1])
    if status == _TOO_MANY or status >= _SERVERS_FAULT:
        return Delivery(Arrival.NOT_YET, f"{name} answered {status}.")
    return Delivery(Arrival.REFUSED, f"{name} answered {status}: check the address of the channel.")


class _Overheard(logging.Handler):
    """Captures Apprise's log lines of one thread: its functions only return true or false."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


def _notify_outside(address: str, notification: Notification) -> tuple[bool, str]:
    with outside_only():
        return _notify(address, notification)


def _notify(address: str, notification: Notification) -> tuple[bool, str]:
    plugin = instantiated(address)
    if plugin is None:
        return False, "error=400"
    heard = _Overheard()
    log = logging.getLogger("apprise")
    log.addHandler(heard)
    try:
        body = body_of(notification.text, notification.at)
        return bool(
            plugin.notify(body=body, title=title_of(notification.kind), body_format="text")
        ), "\n".join(heard.lines)
    finally:
        log.removeHandler(heard)


def instantiated(address: str) -> Any:
    """Return Apprise's plugin for an address; None where it is none. Call it in a thread."""
    return _apprise().Apprise.instantiate(address, asset=_asset(), suppress_exceptions=True)


@cache
def _apprise() -> Any:
    # 30 MB and a third of a second, only where a service is used.
    import apprise

    logging.getLogger("apprise").propagate = False  # its lines name receivers
    return apprise


@cache
def _asset() -> Any:
    module = _apprise()
    return module.AppriseAsset(
        app_id="Stopwatch",
        app_desc="Stopwatch",
        app_url="",
        storage_mode=module.PersistentStoreMode.MEMORY,
        http_redirects=False,
    )
