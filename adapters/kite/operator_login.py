"""The login of the operator's feed account, as the settings have it now."""

from collections.abc import Callable, Mapping, Sequence

from adapters.kite.feed_socket import FeedLogin
from domain.errors import LoginNeeded
from domain.ports import Broker
from domain.quote import Quote


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
        if self._opened is None or self._dead:
            login = self._read()
            if self._opened is None or self._opened[0] != login:
                self._opened = login, self._open_broker(login)
        try:
            answer = await self._opened[1].quotes(instruments)
        except LoginNeeded:
            self._dead = True
            raise
        self._dead = False
        return answer
