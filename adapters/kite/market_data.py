"""Market data of one Kite account: its WebSocket feed and its quotes over REST."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from adapters.kite.brokers import Credentials
from adapters.kite.feed import SOCKETS, KiteFeed
from adapters.kite.feed_socket import FeedLogin, Login
from adapters.kite.operator_login import OperatorLogin
from adapters.kite.ticks import places
from domain.errors import LoginNeeded
from domain.market_data import Minute, Minutes, PriceReceiver, Quotes
from domain.ports import Brokers, Clock
from domain.quote import Quote


@dataclass(frozen=True, slots=True)
class KiteMarketData:
    """Implements `domain.market_data.MarketData`."""

    key: str
    login: Login
    quotes: Quotes
    minutes: Minutes
    ws_root: str
    clock: Clock
    connections: ClassVar[int] = SOCKETS

    @classmethod
    def of_operator(cls, operator: OperatorLogin, ws_root: str, clock: Clock) -> Self:
        """Return the market data of the operator's feed account."""
        return cls("operator", operator.login, operator.quotes, operator.minutes, ws_root, clock)

    def places(self, token: int) -> int:
        return places(token)

    def feed(self, receiver: PriceReceiver) -> KiteFeed:
        return KiteFeed(self.ws_root, self.login, receiver, self.clock)


class UsersMarketData:
    """Opens a user's own account for that user's prices."""

    def __init__(self, credentials: Credentials, brokers: Brokers, ws_root: str, clock: Clock) -> None:
        self._credentials = credentials
        self._brokers = brokers
        self._ws_root = ws_root
        self._clock = clock

    def of(self, user_id: UUID) -> KiteMarketData:
        async def login() -> FeedLogin:
            return await self._login(user_id)

        async def quotes(instruments: Sequence[str]) -> Mapping[str, Quote]:
            return await (await self._brokers.of(user_id, "")).quotes(instruments)

        async def minutes(token: int, since: datetime, until: datetime) -> Sequence[Minute]:
            return await (await self._brokers.of(user_id, "")).minutes(token, since, until)

        return KiteMarketData(str(user_id), login, quotes, minutes, self._ws_root, self._clock)

    async def _login(self, user_id: UUID) -> FeedLogin:
        found = await self._credentials.credentials(user_id)
        if found.dead:
            raise LoginNeeded("the broker login has ended: log in at the broker again")
        return FeedLogin(found.api_key, found.access_token)
