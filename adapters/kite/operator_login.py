"""The login of the operator's feed account, as the settings have it now."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from adapters.kite.feed_socket import FeedLogin
from domain.errors import LoginNeeded
from domain.market_data import Minute
from domain.ports import Broker
from domain.quote import Quote

Answer = TypeVar("Answer")


class OperatorLogin:
    """The operator's feed account. `read` returns the login of the settings as it is now: it dies daily."""

    def __init__(self, read: Callable[[], FeedLogin], open_broker: Callable[[FeedLogin], Broker]) -> None:
        self._read = read
        self._open_broker = open_broker
        self._opened: tuple[FeedLogin, Broker] | None = None
        self._dead = False

    async def login(self) -> FeedLogin:
        return self._read()

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        """Ask with the login known last; after it died, with the newest one there is."""
        broker = self._broker()
        return await self._noting_its_death(broker.quotes(instruments))

    async def minutes(self, token: int, since: datetime, until: datetime) -> Sequence[Minute]:
        """Ask for an instrument's minutes, with the same login."""
        broker = self._broker()
        return await self._noting_its_death(broker.minutes(token, since, until))

    def _broker(self) -> Broker:
        if self._opened is None or self._dead:
            login = self._read()
            if self._opened is None or self._opened[0] != login:
                self._opened = login, self._open_broker(login)
        return self._opened[1]

    async def _noting_its_death(self, asking: Awaitable[Answer]) -> Answer:
        try:
            answer = await asking
        except LoginNeeded:
            self._dead = True
            raise
        self._dead = False
        return answer
