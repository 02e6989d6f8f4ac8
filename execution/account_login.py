"""The broker account of one execution."""

import asyncio
from collections.abc import Awaitable, Callable

from domain.errors import LoginNeeded
from domain.ports import Broker, Brokers, Clock
from execution.order_intent import OrderIntent

LOGIN_EVERY = 1.0
"""Seconds between two questions for a login that is needed."""


async def _untold(why: LoginNeeded) -> None:
    """Send no alert: an entry that waits for a login is over in five seconds."""


class AccountLogin:
    """Opens the account of an intent once, with a living login, and keeps it until that dies.

    `tell` hears, once for each reason, that a login is waited for.
    """

    def __init__(
        self,
        brokers: Brokers,
        clock: Clock,
        intent: OrderIntent,
        tell: Callable[[LoginNeeded], Awaitable[None]] = _untold,
    ) -> None:
        self._brokers = brokers
        self._clock = clock
        self._intent = intent
        self._tell = tell
        self._account: Broker | None = None
        self.was_away = False
        """Without a login for a second or longer: much may have happened at the broker."""

    def opened(self, account: Broker) -> None:
        """Keep an account that was opened already."""
        self._account = account

    async def account(self) -> Broker:
        """Return the account with a living login, however long that takes."""
        if self._account is None:
            asked = self._clock.monotonic()
            self._account = await self._open()
            self.was_away |= self._clock.monotonic() - asked >= LOGIN_EVERY
        return self._account

    async def renew(self) -> None:
        """Forget a dead login; the next `account` waits for a new one."""
        self._account = None
        self.was_away = True
        await self._clock.sleep(LOGIN_EVERY)

    async def _open(self) -> Broker:
        told = ""
        while True:
            try:
                return await self._brokers.of(self._intent.key.user_id, self._intent.terms.account)
            except LoginNeeded as why:
                if told != str(why):
                    await self._tell(why)
                told = str(why)
                await self._clock.sleep(LOGIN_EVERY)


class LoginAtHand:
    """The account of a scheduled sale: at hand beside its claim, and not waited for where its login dies."""

    was_away = False

    def __init__(self) -> None:
        self.opening: asyncio.Future[Broker] | None = None
        """Set once the account is asked for."""

    async def account(self) -> Broker:
        """Return the account once it is open. Raises why it could not be."""
        if self.opening is None:
            raise LoginNeeded("the account was not opened")
        return await self.opening

    async def renew(self) -> None:
        """Raise `LoginNeeded`: the sale is left to its run."""
        raise LoginNeeded("the broker login has ended; the run goes on with the sale")
