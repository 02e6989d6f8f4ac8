"""Sends mails about accounts: claimed first, then mailed, then settled."""

import asyncio

from adapters.notifications.mail import Mailer
from adapters.postgres.account_mails import ClaimedMail, PostgresAccountMails
from domain.account_mail import link_of, words_of

MAILS_AT_ONCE = 2
"""As many as the mailer sends at one time."""


class MailedAccounts:
    """Implements `domain.ports.AccountMails`. `app`: where users reach it; without it, nothing is mailed."""

    def __init__(self, mails: PostgresAccountMails, mailer: Mailer, app: str) -> None:
        self._mails = mails
        self._mailer = mailer
        self._app = app

    async def begin(self) -> None:
        """Say whether mails can be sent, and forget old ones."""
        await self._mails.announce(self._sends)
        await self._mails.forget()

    async def send_due(self) -> None:
        """Send what is due. Where mails cannot be sent, they are left to a worker that can."""
        if self._sends and await self._mails.any_due():
            await asyncio.gather(*(self._send(mail) for mail in await self._mails.claim(MAILS_AT_ONCE)))

    @property
    def _sends(self) -> bool:
        return self._mailer.sends and bool(self._app)

    async def _send(self, mail: ClaimedMail) -> None:
        link = link_of(self._app, mail.purpose, mail.token) if mail.token else ""
        delivery = await self._mailer.send(mail.email, words_of(mail.purpose, link))
        await self._mails.settle(mail, delivery)
