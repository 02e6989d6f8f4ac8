"""Sends mail through the operator's server, each to exactly one receiver, over SMTP.

The operator names the server as Apprise writes it (STOPWATCH_MAIL_URL); Apprise reads that address, and no
user's. A receiver is two checked halves (`adapters.notifications.mail_address`), also where it was stored.

| the server | is known |
|---|---|
| does not answer or answers 4xx, before it has the whole message | not arrived: it may be sent again |
| answers 5xx | refused |
| is silent after the message was sent | unknown |
"""

import asyncio
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from functools import cached_property
from typing import Any

from adapters.notifications.mail_address import BadMailAddress, Receiver, receiver_of
from adapters.notifications.services import instantiated
from domain.account_mail import MailWords
from domain.notification import Arrival, Delivery

SERVER_SECONDS = 10.0
_REFUSED_FOR_GOOD = 500
NO_MAIL = Delivery(Arrival.REFUSED, "This server sends no mail: STOPWATCH_MAIL_URL is not set.")
_AWAY = Delivery(Arrival.NOT_YET, "The mail server could not be reached.")
_UNKNOWN = Delivery(Arrival.UNKNOWN, "The mail server gave no clear answer: it may or may not have arrived.")


class BadMailServer(Exception):
    """STOPWATCH_MAIL_URL names no mail server; the message says what it has to look like."""


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    security: str
    user: str | None
    password: str | None = field(repr=False)
    verified: bool
    sender: str


class Mailer:
    """Sends mails one at a time, in threads of its own. `url`: the operator's server as Apprise writes it."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._threads = ThreadPoolExecutor(2, "mail")

    def __repr__(self) -> str:
        return "Mailer(…)"

    @property
    def sends(self) -> bool:
        """Tell whether the operator named a mail server."""
        return self._url is not None

    def close(self) -> None:
        """Send nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(self, to: str, words: MailWords) -> Delivery:
        """Send it once to the address `to` in its normal form, and return what is known of it."""
        if self._url is None:
            return NO_MAIL
        try:
            receiver = receiver_of(to)
        except BadMailAddress:
            return Delivery(Arrival.REFUSED, "Your e-mail address cannot be mailed from here.")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(2 * SERVER_SECONDS):
                return await loop.run_in_executor(self._threads, self._sent, receiver, words)
        except TimeoutError:
            return _UNKNOWN

    @cached_property
    def _server(self) -> _Server:
        plugin: Any = instantiated(self._url or "")
        if plugin is None or not getattr(plugin, "smtp_host", ""):
            raise BadMailServer(
                "STOPWATCH_MAIL_URL is no mail server: mailtos://user:password@host?from=sender@host"
            )
        return _Server(
            plugin.smtp_host,
            int(plugin.port),
            str(plugin.secure_mode),
            plugin.user or None,
            plugin.password or None,
            bool(plugin.verify_certificate),
            str(plugin.from_addr[1]),
        )

    def _sent(self, receiver: Receiver, words: MailWords) -> Delivery:
        try:
            server = self._server
        except BadMailServer as wrong:
            return Delivery(Arrival.REFUSED, str(wrong))
        try:
            connection = _connected(server)
        except (OSError, smtplib.SMTPException):
            return _AWAY
        try:
            return _handed_over(
                connection, server.sender, receiver, message_of(server.sender, receiver, words)
            )
        finally:
            connection.close()


def message_of(sender: str, receiver: Receiver, words: MailWords) -> bytes:
    """Return the message: its only receiver is made of two halves, not read from a text."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("Stopwatch", *_halves(sender))
    message["To"] = Address("", receiver.local, receiver.domain)
    message["Subject"] = words.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=_halves(sender)[1])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words.text)
    return message.as_bytes()


def _halves(sender: str) -> tuple[str, str]:
    local, _, domain = sender.rpartition("@")
    return local, domain


def _connected(server: _Server) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if not server.verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if server.security == "ssl":
        made: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=SERVER_SECONDS, context=context
        )
    else:
        made = smtplib.SMTP(server.host, server.port, timeout=SERVER_SECONDS)
    try:
        if server.security == "starttls":
            made.starttls(context=context)
        if server.user and server.password:
            made.login(server.user, server.password)
    except (OSError, smtplib.SMTPException):
        made.close()
        raise
    return made


def _handed_over(connection: smtplib.SMTP, sender: str, receiver: Receiver, message: bytes) -> Delivery:
    try:
        connection.sendmail(sender, [receiver.address], message)
    except smtplib.SMTPRecipientsRefused as refused:
        return _answered(max(code for code, _ in refused.recipients.values()))
    except smtplib.SMTPResponseException as refused:
        return _answered(int(refused.smtp_code))
    except (OSError, smtplib.SMTPException):
        return _UNKNOWN
    return Delivery(Arrival.ARRIVED)


def _answered(status: int) -> Delivery:
    if status >= _REFUSED_FOR_GOOD:
        return Delivery(Arrival.REFUSED, f"The mail server answered {status}: it does not take this address.")
    return Delivery(Arrival.NOT_YET, f"The mail server answered {status}.")
