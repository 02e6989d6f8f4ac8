"""How the accounts that serve prices are opened: the operator's from settings, users' from the vault."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from adapters.kite.accounts import Credentials
from adapters.kite.feed_socket import FeedLogin
from domain.errors import LoginNeeded
from domain.ports import Broker, Brokers
from domain.quote import Quote
from listener.accounts import Account


class OperatorLogin:
    """The operator's feed account. `read` returns the login of the settings as it is now: it dies daily."""

    def __init__(self, read: Callable[[], FeedLogin], open_broker: Callable[[FeedLogin], Broker]) -> None:
        self._read = read
        self._open_broker = open_broker
        self._opened: tuple[FeedLogin, Broker] | None = None
        self._dead = False

    def account(self) -> Account:
        return Account("operator", self.login, self.quotes)

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


def own_accounts(credentials: Credentials, brokers: Brokers) -> Callable[[UUID], Account]:
    """Return what opens a user's own account for that user's prices."""

    def account(user_id: UUID) -> Account:
        async def login() -> FeedLogin:
            found = await credentials.credentials(user_id)
            if found.dead:
                raise LoginNeeded("the broker login has ended: log in at the broker again")
            return FeedLogin(found.api_key, found.access_token)

        async def quotes(instruments: Sequence[str]) -> Mapping[str, Quote]:
            return await (await brokers.of(user_id, "")).quotes(instruments)

        return Account(str(user_id), login, quotes)

    return account
